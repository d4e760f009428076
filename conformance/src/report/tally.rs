//! The counts of one level for a reader. A requirement that could not be judged because of another one is not counted
//! as one that was not run.

use crate::model::outcome::{Outcome, RequirementRecord};
use crate::model::requirement::Level;

/// The counts of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// The requirements of that level.
    pub(super) all: usize,
    /// Hold.
    pub(super) passed: usize,
    /// Do not hold.
    pub(super) failed: usize,
    /// Not judged, because another one does not hold.
    pub(super) blocked: usize,
    /// Not run.
    pub(super) not_run: usize,
    /// Errors of the runner, and times that it could not judge.
    pub(super) unjudged: usize,
}

impl Tally {
    /// Counts those of `level`.
    pub(super) fn of(level: Level, requirements: &[RequirementRecord]) -> Self {
        let of_level = || requirements.iter().filter(|record| record.level == level);
        let number =
            |test: &dyn Fn(&RequirementRecord) -> bool| of_level().filter(|record| test(record)).count();
        let blocked = number(&RequirementRecord::is_blocked);
        Self {
            all: of_level().count(),
            passed: number(&|record| record.outcome == Outcome::Pass),
            failed: number(&|record| record.outcome == Outcome::Fail),
            blocked,
            not_run: number(&|record| record.outcome == Outcome::Skip) - blocked,
            unjudged: number(&|record| matches!(record.outcome, Outcome::Error | Outcome::Inconclusive)),
        }
    }
}
