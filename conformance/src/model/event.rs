//! The events of a run, which reports listen to.

use std::time::Duration;

use crate::model::outcome::CaseRecord;
use crate::model::plan::Plan;
use crate::model::transcript::Entry;

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The cases are known; the first starts.
    Planned(&'a Plan),
    /// A case has begun.
    Started {
        /// Which.
        id: &'a str,
    },
    /// A case waits, for so long at most.
    Waiting {
        /// Which.
        id: &'a str,
        /// For what.
        what: &'a str,
        /// At most.
        at_most: Duration,
    },
    /// It waits no longer.
    Resumed {
        /// Which.
        id: &'a str,
    },
    /// Something happened in a case. Only `conformance replay` gets this event.
    Happened {
        /// In which.
        id: &'a str,
        /// What.
        entry: &'a Entry,
    },
    /// A case is over.
    Finished(&'a CaseRecord),
    /// The machine was too busy to judge a time. The case runs once more, alone.
    Again {
        /// Which.
        id: &'a str,
    },
}

/// Receives the events of a run.
pub trait Listener {
    /// Called for every event, in order, on one thread.
    fn on(&mut self, event: &Event<'_>);
}
