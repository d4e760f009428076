//! What a run announces. The run tells, reporters only listen.

use std::time::Duration;

use crate::model::outcome::CaseRecord;
use crate::model::plan::Plan;
use crate::model::transcript::Entry;

/// Something that a reporter may want to tell.
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
    /// Something happened in a case. Told in a run that is followed live only.
    Happened {
        /// In which.
        id: &'a str,
        /// What.
        entry: &'a Entry,
    },
    /// A case has come out.
    Finished(&'a CaseRecord),
    /// A judgement of time was spoiled by the machine: the case is run once more, alone.
    Again {
        /// Which.
        id: &'a str,
    },
}

/// Whoever wants to be told.
pub trait Listener {
    /// Called for every event, in order, on one thread.
    fn on(&mut self, event: &Event<'_>);
}
