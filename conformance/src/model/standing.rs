//! What the outcome of a case counts for.

use crate::model::known::Comparison;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::{Level, RequirementId};
use crate::model::run_report::RunReport;

/// The outcome of a case with `--fail-on` and `--baseline` applied, as in the exit status of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Passed,
    /// It fails, and that counts.
    Failed,
    /// It fails, but not on a requirement that counts.
    FailedBelow(Level),
    /// It fails, and is a known failure (`--baseline`).
    KnownFailure,
    /// It passes, but is a known failure. That counts until the file of known failures is corrected.
    Fixed,
    /// The runner could not judge it.
    Broken,
    /// It was not run.
    Skipped,
}

impl Standing {
    /// The standing of this case.
    pub fn of(case: &CaseRecord, report: &RunReport) -> Self {
        let baseline = report.baseline.as_ref();
        let known = |list: fn(&Comparison) -> &Vec<String>| {
            baseline.is_some_and(|comparison| list(comparison).contains(&case.id))
        };
        match case.outcome {
            Outcome::Pass if known(|comparison| &comparison.fixed) => Self::Fixed,
            Outcome::Pass => Self::Passed,
            Outcome::Skip => Self::Skipped,
            Outcome::Error | Outcome::Inconclusive => Self::Broken,
            Outcome::Fail if known(|comparison| &comparison.expected) => Self::KnownFailure,
            Outcome::Fail => match highest(&case.charged, report) {
                Some(level) if level < report.options.fail_on => Self::FailedBelow(level),
                _ => Self::Failed,
            },
        }
    }

    /// Why a failure does not count, or a passed case does.
    pub fn remark(self) -> Option<String> {
        match self {
            Self::FailedBelow(level) => Some(format!("does not hold, and does not count (only {level})")),
            Self::KnownFailure => Some("does not hold, and is known not to".to_owned()),
            Self::Fixed => Some("is known to fail and passes: take it out of the known failures".to_owned()),
            Self::Passed | Self::Failed | Self::Broken | Self::Skipped => None,
        }
    }
}

/// The highest level among these requirements, if the report has any of them.
fn highest<'r>(ids: impl IntoIterator<Item = &'r RequirementId>, report: &RunReport) -> Option<Level> {
    let level = |id: &'r RequirementId| {
        report.requirements.iter().find(|record| record.id == *id).map(|record| record.level)
    };
    ids.into_iter().filter_map(level).max()
}
