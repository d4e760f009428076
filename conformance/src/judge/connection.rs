//! One connection as the transcript shows it, from its latest opening on. For the verdict.

use std::time::Duration;

use crate::model::transcript::{EndedBy, Event, Transcript};

/// What the transcript says of a connection.
#[derive(Debug, Default)]
pub(super) struct Connection<'t> {
    /// Which opening this is: the index of its entry.
    pub(super) opening: usize,
    pub(super) opened: bool,
    pub(super) refused: Option<&'t str>,
    pub(super) received: Vec<(Duration, &'t [u8])>,
    /// How the target closed first: a write that meets a closed connection comes to a reset later.
    pub(super) ended: Option<(Duration, EndedBy)>,
    /// Nothing that is sent from now on can arrive.
    pub(super) dead: bool,
    /// Every time at which we sent, half-closed, or the connection was opened.
    touched: Vec<Duration>,
}

impl<'t> Connection<'t> {
    /// The connection of this name, or one that is not open yet.
    pub(super) fn of(transcript: &'t Transcript, name: &str) -> Self {
        let mut found = Self::default();
        for (index, entry) in transcript.entries.iter().enumerate() {
            if entry.event.connection() != Some(name) {
                continue;
            }
            match &entry.event {
                Event::Connecting { .. } | Event::Opened { accepted: true, .. } => {
                    let opened = matches!(entry.event, Event::Opened { .. });
                    found = Self { opening: index, opened, touched: vec![entry.at], ..Self::default() };
                }
                Event::Opened { .. } => {
                    found.opened = true;
                    found.touched.push(entry.at);
                }
                Event::Refused { error, .. } => found.refused = Some(error),
                Event::Sent { .. } | Event::Shutdown { .. } => found.touched.push(entry.at),
                Event::Received { bytes, .. } => found.received.push((entry.at, bytes)),
                Event::Ended { by, .. } => {
                    found.ended.get_or_insert((entry.at, *by));
                    found.dead |= *by == EndedBy::Reset;
                }
                _ => {}
            }
        }
        found
    }

    /// The bytes that came after the first `consumed` ones.
    pub(super) fn unconsumed(&self, consumed: usize) -> Vec<u8> {
        self.received.iter().flat_map(|(_, bytes)| bytes.iter().copied()).skip(consumed).collect()
    }

    /// When the byte at this index (counted over all bytes received) came.
    pub(super) fn arrival(&self, index: usize) -> Option<Duration> {
        let mut seen = 0;
        self.received.iter().find_map(|(at, bytes)| {
            seen += bytes.len();
            (index < seen).then_some(*at)
        })
    }

    /// The time from which a target that answers in its own time may have begun to wait for us: it may listen to a
    /// connection only once it has sent what it had to say there.
    pub(super) fn late_anchor(&self, instant: Duration) -> Duration {
        let heard = self.received.iter().map(|(at, _)| *at).rfind(|at| *at <= instant);
        self.anchor(instant).max(heard.unwrap_or_default())
    }

    /// The time that a wait on this connection counts from: our last byte before `instant`, or its opening.
    pub(super) fn anchor(&self, instant: Duration) -> Duration {
        self.touched.iter().copied().rfind(|touched| *touched <= instant).unwrap_or_default()
    }
}
