//! What happened in a conversation, in the order in which the runner saw it, with the times. `play` writes it, `judge`
//! reads it, and the reports show it.

mod data;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use data::{DataEvent, DataSeen};

use crate::model::step::{SignalName, Stream};

/// The error of a connection to a port where nothing listens.
pub const REFUSED: &str = "connection refused";

/// How many bytes of one `Sent` are kept. That is enough for every message.
const SENT_KEPT_BYTES: usize = 256;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Since the case began.
    #[serde(rename = "at_ms", with = "milliseconds")]
    pub at: Duration,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The runner began this step.
    Step {
        /// Its index in the case.
        index: usize,
    },
    /// The conversation is over. Nothing that comes later counts.
    Finished,
    /// The target was started.
    Started,
    /// The target listens on the control port.
    Ready,
    /// The target ended.
    Exited(Exit),
    /// The runner sent a signal to the target's process group.
    Signalled {
        /// Which.
        signal: SignalName,
    },
    /// The runner began to connect.
    Connecting {
        /// The connection.
        on: String,
        /// Where to.
        to: String,
    },
    /// A connection is open: one of the runner, or one that the target made (`accepted`).
    Opened {
        /// The connection.
        on: String,
        /// The runner's end.
        local: String,
        /// The target's end.
        peer: String,
        /// Whether the target made it.
        accepted: bool,
    },
    /// A connection could not be made.
    Refused {
        /// The connection.
        on: String,
        /// What the system said.
        error: String,
    },
    /// The runner sent bytes.
    Sent {
        /// The connection.
        on: String,
        /// The first bytes.
        #[serde(with = "hexadecimal")]
        bytes: Vec<u8>,
        /// How many.
        length: usize,
    },
    /// Bytes came.
    Received {
        /// The connection.
        on: String,
        /// All of them.
        #[serde(with = "hexadecimal")]
        bytes: Vec<u8>,
    },
    /// The target closed.
    Ended {
        /// The connection.
        on: String,
        /// How.
        by: EndedBy,
    },
    /// The runner closed its sending side.
    Shutdown {
        /// The connection.
        on: String,
    },
    /// The runner closed, or reset (`reset`), the connection.
    Dropped {
        /// The connection.
        on: String,
        /// Whether with a reset.
        reset: bool,
    },
    /// The target wrote to one of its output streams.
    Output {
        /// Which.
        stream: Stream,
        /// What; bytes that are not UTF-8 are replaced.
        text: String,
    },
    /// Whether the announced port is open, and the port with its two bytes swapped.
    Ports {
        /// Whether the announced port is open for the protocol of the test.
        announced_open: bool,
        /// Whether the port with the two bytes swapped is open.
        swapped_open: bool,
    },
    /// Something on the data plane.
    Data(DataEvent),
    /// The target's resources as the system counts them.
    Resources {
        /// Open descriptors.
        descriptors: usize,
        /// Threads.
        threads: usize,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// How the target closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// End-of-file.
    EndOfFile,
    /// A reset.
    Reset,
}

impl Event {
    /// A `Sent` of these bytes. Of many bytes only the first are kept.
    pub fn sent(on: &str, bytes: &[u8]) -> Self {
        let kept = bytes.len().min(SENT_KEPT_BYTES);
        Self::Sent { on: on.to_owned(), bytes: bytes[..kept].to_vec(), length: bytes.len() }
    }

    /// The connection that the event is about, if any.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Connecting { on, .. }
            | Self::Opened { on, .. }
            | Self::Refused { on, .. }
            | Self::Sent { on, .. }
            | Self::Received { on, .. }
            | Self::Ended { on, .. }
            | Self::Shutdown { on }
            | Self::Dropped { on, .. } => Some(on),
            _ => None,
        }
    }
}

/// The whole of a conversation so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript {
    /// In the order of time.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// Adds what happened at `at`.
    pub fn push(&mut self, at: Duration, event: Event) {
        self.entries.push(Entry { at, event });
    }

    /// The latest numbers of the runner's test port.
    pub fn data_seen(&self) -> Option<&DataSeen> {
        self.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Data(DataEvent::Seen(seen)) => Some(&**seen),
            _ => None,
        })
    }

    /// How the target ended, if it did after its latest start.
    pub fn exit(&self) -> Option<(Duration, Exit)> {
        self.since_start().iter().rev().find_map(|entry| match entry.event {
            Event::Exited(exit) => Some((entry.at, exit)),
            _ => None,
        })
    }

    /// The entries from the target's latest start on.
    pub fn since_start(&self) -> &[Entry] {
        let start = self.entries.iter().rposition(|entry| entry.event == Event::Started);
        &self.entries[start.unwrap_or(0)..]
    }

    /// Everything that the target wrote to `stream`, since its first start. For `None`: to both streams, in the order
    /// seen.
    pub fn output(&self, stream: Option<Stream>) -> String {
        output_of(&self.entries, stream)
    }

    /// The same since the target's latest start.
    pub fn output_since_start(&self, stream: Option<Stream>) -> String {
        output_of(self.since_start(), stream)
    }
}

/// Of one stream exactly what was written. Of both streams whole lines: a program may write a line in several pieces, and
/// a piece of the other stream may come between them.
fn output_of(entries: &[Entry], wanted: Option<Stream>) -> String {
    let mut whole = String::new();
    let (mut out, mut err) = (String::new(), String::new());
    for entry in entries {
        let Event::Output { stream, text } = &entry.event else { continue };
        if wanted.is_some_and(|wanted| wanted != *stream) {
            continue;
        }
        let line = if *stream == Stream::Stdout { &mut out } else { &mut err };
        line.push_str(text);
        let end = line.rfind('\n').map_or(0, |newline| newline + 1);
        whole.extend(line.drain(..end));
    }
    whole.push_str(&out);
    if !out.is_empty() && !err.is_empty() {
        whole.push('\n');
    }
    whole.push_str(&err);
    whole
}

/// Durations as milliseconds in JSON, to the microsecond.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "a case lasts minutes, far below 2^53 microseconds")]
        serializer.serialize_f64(at.as_micros() as f64 / 1000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)? / 1000.0)
            .map_err(serde::de::Error::custom)
    }
}

/// Bytes as hex in JSON.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
