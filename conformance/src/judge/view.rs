//! One step and all that is known at one moment: chooses the judgement of each kind of step, and holds what they share.
//! For the judge. The files below judge the steps, one file for each family.

mod connection_steps;
mod data_steps;
mod output_steps;
mod process_steps;

use std::time::Duration;

use super::connection::Connection;
use super::{Assessment, Judge, Memory};
use crate::model::fault::Fault;
use crate::model::step::{Action, Step};
use crate::model::transcript::{Entry, Event, Transcript};

/// One step and all that is known at one moment.
pub(super) struct View<'a> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) step: &'a Step,
    pub(super) seen: &'a Transcript,
    pub(super) began: Duration,
    pub(super) now: Duration,
}

impl View<'_> {
    /// The state of the step.
    pub(super) fn assess(&self) -> Assessment {
        match &self.step.action {
            Action::Start => self.started(),
            Action::Data(action) => self.data(action),
            Action::Connect(_) => held(),
            Action::Signal(_) => self.signalled(),
            Action::Shutdown | Action::Close | Action::Reset => self.established(),
            Action::Serve(duration) => self.served(*duration),
            Action::DataThreadEnded { within } => self.data_thread_ended(*within),
            Action::Send(outgoing) => self.sent(outgoing),
            Action::Accept { within, at } => self.accepted(*within, *at),
            Action::Expect { pattern, not_before, within, alias } => {
                self.expected(pattern, *not_before, *within, alias.as_deref())
            }
            Action::Closed(close) => self.closed(*close),
            Action::Silent(duration) => self.silent(*duration),
            Action::Exits { within, status } => self.exited(*within, *status),
            Action::Runs(duration) => self.still_runs(*duration),
            Action::Prints { text, within, stream, times } => self.prints(text, *within, *stream, *times),
            Action::Unprinted { text, stream } => self.unprinted(text, *stream),
            Action::Complains => self.complains(),
            Action::NoTrace => self.no_trace(),
            Action::Unconnected => self.unconnected(),
            Action::Announced => self.announced(),
            Action::Resources(check) => self.resources(*check),
        }
    }

    fn connection(&self, name: &str) -> Connection<'_> {
        Connection::of(self.seen, self.judge.resolve(name))
    }

    fn consumed(&self, name: &str, connection: &Connection<'_>) -> usize {
        let key = (self.judge.resolve(name).to_owned(), connection.opening);
        self.judge.consumed.get(&key).copied().unwrap_or_default()
    }

    /// Pending until `deadline`, broken by `fault` from then on.
    fn by(&self, deadline: Duration, fault: impl FnOnce() -> Fault) -> Assessment {
        if self.now < deadline { Assessment::Pending(deadline) } else { broken(fault()) }
    }

    fn in_this_step(&self) -> &[Entry] {
        let start = self.seen.entries.iter().rposition(|entry| matches!(entry.event, Event::Step { .. }));
        &self.seen.entries[start.unwrap_or(0)..]
    }
}

fn held() -> Assessment {
    Assessment::Held(Memory::default())
}

fn broken(fault: Fault) -> Assessment {
    Assessment::Broken(Box::new(fault))
}
