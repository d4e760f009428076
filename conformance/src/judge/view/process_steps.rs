//! The steps about the target's process: its start, its end, and its resources.

use std::time::Duration;

use super::{View, broken, held};
use crate::judge::{Assessment, Memory};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::step::{ResourceCheck, Status, TextPattern};
use crate::model::tolerance::{LEAK_IN_EACH_BLOCK, MOMENT};
use crate::model::transcript::{Event, Exit};

impl View<'_> {
    pub(super) fn started(&self) -> Assessment {
        let since_start = self.seen.since_start();
        let ready = match self.judge.case.role {
            Role::Server => since_start.iter().any(|entry| entry.event == Event::Ready),
            Role::Client | Role::Command => true,
        };
        if ready {
            return held();
        }
        let waited = self.judge.tolerances.startup;
        if let Some((_, exit)) = self.seen.exit() {
            return broken(Fault::NotListening { waited, exit: Some(exit) });
        }
        self.by(self.began + waited, || Fault::NotListening { waited, exit: None })
    }

    /// The player sends the signal when the target has settled.
    pub(super) fn signalled(&self) -> Assessment {
        let sent = self.in_this_step().iter().any(|entry| matches!(entry.event, Event::Signalled { .. }));
        let deadline = self.began + 2 * self.judge.tolerances.patience;
        if sent || self.now >= deadline { held() } else { Assessment::Pending(deadline) }
    }

    /// The time counts from the client's connection: before that it is still starting.
    pub(super) fn served(&self, duration: Duration) -> Assessment {
        let connected = self.in_this_step().iter().find_map(|entry| match entry.event {
            Event::Opened { accepted: true, .. } => Some(entry.at),
            _ => None,
        });
        let end = connected.unwrap_or(self.began + self.judge.tolerances.startup) + duration;
        if self.now >= end || self.seen.exit().is_some() { held() } else { Assessment::Pending(end) }
    }

    pub(super) fn data_thread_ended(&self, within: Duration) -> Assessment {
        let lines = |text: &str| self.occurrences(&TextPattern::Text(text.to_owned()), None).len();
        let (opened, closed) = (lines("data thread opening"), lines("data thread closing"));
        // A server that prints nothing is judged by its resources, if they are known. One more thread, or one more
        // descriptor, may belong to its runtime. A data thread with its socket is both.
        let given_back = match (self.counted(), self.judge.resources) {
            (Some(now), Some(before)) if opened == 0 => now.0 <= before.0 || now.1 <= before.1,
            (Some(now), Some(before)) => now.0 <= before.0 && now.1 <= before.1,
            _ => opened == 0,
        };
        if given_back || (opened > 0 && closed >= opened) {
            return held();
        }
        self.by(self.began + within, || Fault::DataThreadRuns { opened, closed, waited: within })
    }

    /// The latest count of the target's descriptors and threads in this step.
    fn counted(&self) -> Option<(usize, usize)> {
        self.seen.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Resources { descriptors, threads } if entry.at >= self.began => {
                Some((descriptors, threads))
            }
            _ => None,
        })
    }

    /// Whether the target may still be starting: since its start it has neither listened nor connected, and got no
    /// signal. (A signal is sent only once it has settled.)
    fn may_be_starting(&self) -> bool {
        let is_sign = |event: &Event| {
            matches!(event, Event::Ready | Event::Opened { accepted: true, .. } | Event::Signalled { .. })
        };
        !self.seen.since_start().iter().any(|entry| is_sign(&entry.event))
    }

    pub(super) fn exited(&self, within: Duration, status: Option<Status>) -> Assessment {
        let Some((_, exit)) = self.seen.exit() else {
            if self.judge.case.is_to_be_refused() && status == Some(Status::Nonzero) {
                let did =
                    |what: fn(&Event) -> bool| self.seen.since_start().iter().any(|entry| what(&entry.event));
                if did(|event| *event == Event::Ready) {
                    return broken(Fault::ArgumentsTaken { listens: true });
                }
                // A client that has connected may still refuse its arguments late: the next steps judge that.
                if did(|event| matches!(event, Event::Opened { accepted: true, .. })) {
                    return self.by(self.began + within, || Fault::ArgumentsTaken { listens: false });
                }
            }
            // A target that may still be starting also has the time to start.
            let waited = if self.may_be_starting() { within + self.judge.tolerances.startup } else { within };
            return self.by(self.began + waited, || Fault::StillRunning { waited });
        };
        let right = match (status, exit) {
            (None, _) | (Some(Status::Zero), Exit::Status(0)) => true,
            (Some(Status::Nonzero), Exit::Status(code)) => code != 0,
            _ => false,
        };
        match status {
            Some(wanted) if !right => broken(Fault::WrongExit { exit, wanted }),
            _ => held(),
        }
    }

    pub(super) fn still_runs(&self, duration: Duration) -> Assessment {
        match self.seen.exit() {
            Some((_, exit)) => broken(Fault::NoLongerRunning { exit }),
            None if self.now < self.began + duration => Assessment::Pending(self.began + duration),
            None => held(),
        }
    }

    pub(super) fn resources(&self, check: ResourceCheck) -> Assessment {
        let counted = self.counted();
        let within = match check {
            ResourceCheck::Remember => return self.steady(counted),
            ResourceCheck::Level { within } => within,
        };
        // Where the system does not say, the target is not charged.
        let (Some(before), Some(between), Some(after)) =
            (self.judge.resources_before, self.judge.resources, counted)
        else {
            return held();
        };
        let grew = |before: usize, after: usize| after.saturating_sub(before) >= LEAK_IN_EACH_BLOCK;
        let descriptors = grew(before.0, between.0) && grew(between.0, after.0);
        let threads = grew(before.1, between.1) && grew(between.1, after.1);
        match descriptors || threads {
            true => self.by(self.began + within, || Fault::Leaked { before, between, after }),
            false => held(),
        }
    }

    /// Remembers a count once it is stable: the target may still be giving back what the last session held.
    fn steady(&self, counted: Option<(usize, usize)>) -> Assessment {
        let since = (self.seen.entries.iter().rev())
            .take_while(|entry| entry.at >= self.began)
            .filter_map(|entry| match entry.event {
                Event::Resources { descriptors, threads } => Some((entry.at, (descriptors, threads))),
                _ => None,
            })
            .take_while(|(_, count)| Some(*count) == counted)
            .last()
            .map_or(self.began, |(at, _)| at);
        let deadline = self.began + self.judge.tolerances.patience;
        if counted.is_none() || self.now >= since + MOMENT || self.now >= deadline {
            return Assessment::Held(Memory { resources: counted, ..Memory::default() });
        }
        Assessment::Pending(deadline.min(since + MOMENT))
    }
}
