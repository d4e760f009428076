//! What a run consists of: the cases that are played, and those that were left out, each with its reason.

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
    /// What was selected and is not run all the same.
    pub dropped: Vec<Dropped>,
    /// The requirements that the run is about, in the catalogue's order.
    pub requirements: Vec<Requirement>,
}

impl Plan {
    /// The longest that one case waits even when all goes well.
    pub fn longest_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).max().unwrap_or_default()
    }

    /// How long the cases wait in all: what a run one by one lasts at least.
    pub fn total_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).sum()
    }
}
