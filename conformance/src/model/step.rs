//! The steps of a conversation. `play` plays them, and `judge` judges them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bytes::{Outgoing, Pattern};
use super::data::DataAction;
use crate::model::requirement::RequirementId;

/// The connection of a step that names none.
pub const CONTROL: &str = "control";

/// One step of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The connection. An `expect` may have several: the one that sends first counts.
    pub on: Vec<String>,
    /// The requirement that fails with this step, if it is not one of the case's own.
    pub requirement: Option<RequirementId>,
    /// The requirement that fails if the bytes are wrong, if that is another one.
    pub content: Option<RequirementId>,
    /// What a report says about a failure of this step.
    pub why: Option<String>,
    /// What is done or must hold.
    pub action: Action,
    /// The line of the fixture's file where the step begins, counted from 1.
    pub line: usize,
}

impl Step {
    /// A step that the fixture does not write out, on `connection`. `requirement` fails with it.
    pub fn implied(
        connection: &str,
        requirement: Option<RequirementId>,
        action: Action,
        line: usize,
    ) -> Self {
        Self { on: vec![connection.to_owned()], requirement, content: None, why: None, action, line }
    }

    /// The one connection of a step that has one.
    pub fn connection(&self) -> &str {
        self.on.first().map_or(CONTROL, String::as_str)
    }
}

/// What a step does, or what must hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Starts the target. A server must listen within the time to start.
    Start,
    /// Something on the data plane.
    Data(DataAction),
    /// Opens a connection without waiting for it.
    Connect(Destination),
    /// The target connects.
    Accept {
        /// Within this time of the step's begin.
        within: Duration,
        /// To this address of the runner, if the address matters.
        at: Option<Destination>,
    },
    /// Sends bytes.
    Send(Outgoing),
    /// Exactly these bytes come.
    Expect {
        /// The bytes.
        pattern: Pattern,
        /// Not earlier, counted from our last byte.
        not_before: Duration,
        /// Not later, counted from our last byte or the step's begin.
        within: Duration,
        /// A new name for the connection that sent first.
        alias: Option<String>,
    },
    /// The target closes, and not one byte comes before.
    Closed(Close),
    /// Neither a byte nor a close during this time.
    Silent(Duration),
    /// Half-close of our side.
    Shutdown,
    /// We close.
    Close,
    /// We reset.
    Reset,
    /// A signal to the target's process group.
    Signal(SignalName),
    /// The process ends.
    Exits {
        /// Within this time of the step's begin.
        within: Duration,
        /// The exit status, where it is judged.
        status: Option<Status>,
    },
    /// The process does not end during this time.
    Runs(Duration),
    /// A text is in the output, or comes.
    Prints {
        /// The text.
        text: TextPattern,
        /// Within this time of the step's begin.
        within: Duration,
        /// On this stream only.
        stream: Option<Stream>,
        /// Exactly this often so far.
        times: Option<usize>,
    },
    /// A text is not in the output so far.
    Unprinted {
        /// The text.
        text: TextPattern,
        /// On this stream only.
        stream: Option<Stream>,
    },
    /// The output has a message other than the data thread's lines.
    Complains,
    /// No stack trace is in the output, and no signal has killed the target that the case did not send.
    NoTrace,
    /// The target has not connected.
    Unconnected,
    /// The announced port is not 0, and its bytes are not swapped.
    Announced,
    /// Counts the target's descriptors and threads, or compares the counts.
    Resources(ResourceCheck),
    /// Serves every client as the protocol says, for this time or until the target ends. Judges nothing.
    Serve(Duration),
    /// The data thread has ended: as many closing as opening lines, or the resources of the latest count.
    DataThreadEnded {
        /// Within this time of the step's begin.
        within: Duration,
    },
}

/// What is true of every step of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// It has a connection.
    pub has_connection: bool,
    /// Whether the target can fail it. Other steps hold as soon as the runner has done them.
    pub can_break: bool,
    /// Whether the transcript has an event for it.
    pub has_event: bool,
    /// How long it takes at least.
    pub least_wait: Duration,
    /// What it waits for, for the progress line.
    pub awaits: &'static str,
}

impl Facts {
    /// Steps that the runner does.
    const DONE: Self = Self {
        has_connection: false,
        can_break: false,
        has_event: true,
        least_wait: Duration::ZERO,
        awaits: "nothing",
    };
    /// Steps that must hold.
    pub(super) const DUE: Self = Self { can_break: true, has_event: false, ..Self::DONE };

    fn on_a_connection(self) -> Self {
        Self { has_connection: true, ..self }
    }

    pub(super) fn awaits(self, awaits: &'static str) -> Self {
        Self { awaits, ..self }
    }

    pub(super) fn lasts(self, least_wait: Duration) -> Self {
        Self { least_wait, ..self }
    }
}

impl Action {
    /// What is true of every step that does this.
    pub fn facts(&self) -> Facts {
        let (done, due) = (Facts::DONE, Facts::DUE);
        match self {
            Self::Start => Facts { can_break: true, ..done.awaits("the server to listen") },
            Self::Data(action) => action.facts(),
            Self::Connect(_) | Self::Shutdown | Self::Close | Self::Reset => done.on_a_connection(),
            Self::Accept { .. } => due.on_a_connection().awaits("the client to connect"),
            Self::Send(_) => done.on_a_connection().awaits("the target to read"),
            Self::Expect { not_before, .. } => due.on_a_connection().awaits("an answer").lasts(*not_before),
            Self::Closed(close) => {
                let due = due.on_a_connection().awaits("the target to close");
                if let Close::At { due: time, .. } = close { due.lasts(*time) } else { due }
            }
            Self::Silent(time) => due.on_a_connection().awaits("a silence to end").lasts(*time),
            Self::Signal(_) => done,
            Self::Exits { .. } => due.awaits("the target to end"),
            Self::Runs(time) => due.awaits("the target to go on").lasts(*time),
            Self::Prints { .. } | Self::Complains => due.awaits("a line of output"),
            Self::Unprinted { .. } | Self::NoTrace | Self::Unconnected | Self::Announced => due,
            Self::Resources(check) => {
                let can_break = matches!(check, ResourceCheck::Level { .. });
                Facts { can_break, ..due.awaits("the target to give back what it holds") }
            }
            Self::Serve(time) => {
                Facts { can_break: false, ..due.awaits("the client to do its work").lasts(*time) }
            }
            Self::DataThreadEnded { .. } => due.awaits("the target to give back what it holds"),
        }
    }
}

/// Where to connect to, or where the target must connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// 127.0.0.1
    Loopback,
    /// ::1
    Ipv6,
    /// The address of the namespace that is not loopback.
    External,
}

/// When a close is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Close {
    /// Within this time.
    Within(Duration),
    /// Around `due`, counted from our last byte.
    At {
        /// The right time.
        due: Duration,
        /// How much before is still right.
        early: Duration,
        /// How much after is still right.
        late: Duration,
    },
}

/// The signals that a fixture may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// The interrupt, as Ctrl-C sends it.
    Int,
    /// The request to terminate.
    Term,
    /// Stops every process of the group for now.
    Stop,
    /// Lets them run again.
    Cont,
}

impl SignalName {
    /// The signal's number.
    pub fn number(self) -> i32 {
        match self {
            Self::Int => 2,
            Self::Term => 15,
            Self::Stop => nix::sys::signal::Signal::SIGSTOP as i32,
            Self::Cont => nix::sys::signal::Signal::SIGCONT as i32,
        }
    }
}

/// What an exit status must be. A program that a signal killed has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// 0
    Zero,
    /// 1 to 255
    Nonzero,
}

/// One of the target's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A text looked for in the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPattern {
    /// This text; letter case does not matter.
    Text(String),
    /// A regular expression. `^` and `$` match at line ends.
    Regex(String),
    /// A regular expression, with words for the reader.
    Described {
        /// The regular expression.
        pattern: String,
        /// What it means.
        says: String,
    },
}

impl TextPattern {
    /// The pattern as a regular expression.
    pub fn regex(&self) -> Result<regex::Regex, regex::Error> {
        match self {
            Self::Text(text) => regex::RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build(),
            Self::Regex(pattern) | Self::Described { pattern, .. } => {
                regex::RegexBuilder::new(pattern).multi_line(true).build()
            }
        }
    }

    /// The pattern as the fixture wrote it, or the words that it gave for it.
    pub fn as_written(&self) -> &str {
        match self {
            Self::Text(text) | Self::Regex(text) | Self::Described { says: text, .. } => text,
        }
    }

    /// The same for a sentence: a text in quotes, the fixture's words without.
    pub fn in_a_sentence(&self) -> String {
        match self {
            Self::Text(text) | Self::Regex(text) => format!("\"{text}\""),
            Self::Described { says, .. } => says.clone(),
        }
    }
}

/// The two halves of a leak check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceCheck {
    /// Counts them.
    Remember,
    /// They have not grown since the latest count as they did between the two counts.
    Level {
        /// Within this time of the step's begin.
        within: Duration,
    },
}
