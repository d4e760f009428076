//! One connection in a transcript, from its latest opening on. For the verdict.

use std::time::Duration;

use crate::model::transcript::{EndedBy, Event, Transcript};

/// What the transcript says about a connection.
#[derive(Debug, Default)]
pub(super) struct Connection<'t> {
    /// The index of the entry that opened it.
    pub(super) opening: usize,
    pub(super) opened: bool,
    pub(super) refused: Option<&'t str>,
    pub(super) received: Vec<(Duration, &'t [u8])>,
    /// The first close by the target. A later write may cause a reset, which does not count here.
    pub(super) ended: Option<(Duration, EndedBy)>,
    /// Nothing that is sent from now on can arrive.
    pub(super) dead: bool,
    /// Every time at which the connection was opened, or the runner sent or half-closed.
    touched: Vec<Duration>,
}

impl<'t> Connection<'t> {
    /// The connection of this name; if there is none, one that is not open.
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

    /// When the byte at this index came, counted over all received bytes.
    pub(super) fn arrival(&self, index: usize) -> Option<Duration> {
        let mut seen = 0;
        self.received.iter().find_map(|(at, bytes)| {
            seen += bytes.len();
            (index < seen).then_some(*at)
        })
    }

    /// The latest start of the target's own wait for us: a target may begin to wait only after its own last bytes.
    pub(super) fn late_anchor(&self, instant: Duration) -> Duration {
        let answered = self.received.iter().map(|(at, _)| *at).rfind(|at| *at <= instant);
        self.anchor(instant).max(answered.unwrap_or_default())
    }

    /// The start of a wait on this connection: our last bytes or half-close up to `instant`, or the opening.
    pub(super) fn anchor(&self, instant: Duration) -> Duration {
        self.touched.iter().copied().rfind(|touched| *touched <= instant).unwrap_or_default()
    }
}
