//! The cases of a run, and those that were left out with the reason.

use std::time::Duration;

use crate::model::case::Case;
use crate::model::requirement::Requirement;

/// A case that is not run.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The case.
    pub case: Case,
    /// Why, in a few words.
    pub reason: String,
}

/// The cases of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run, the longest wait first.
    pub cases: Vec<Case>,
    /// Cases that were selected but are not run.
    pub dropped: Vec<Dropped>,
    /// The requirements that the run is about, in the catalogue's order.
    pub requirements: Vec<Requirement>,
}

impl Plan {
    /// The longest wait of one case when nothing fails.
    pub fn longest_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).max().unwrap_or_default()
    }

    /// The sum of all waits: a run of one case after the other takes at least this long.
    pub fn total_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).sum()
    }
}
