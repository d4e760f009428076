//! How an outcome is shown: a sign, a word and a colour. Each of them alone is enough to know it.

use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::standing::Standing;
use crate::report::RunReport;

/// The mark of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// A sign, which a screen reader leaves out.
    pub(super) sign: &'static str,
    /// What it says.
    pub(super) word: &'static str,
    /// A class of the style sheet, for the colour.
    pub(super) class: &'static str,
}

impl Mark {
    pub(super) const fn of(outcome: Outcome) -> Self {
        let (sign, word, class) = match outcome {
            Outcome::Pass => ("\u{2713}", "holds", "good"),
            Outcome::Fail => ("\u{2717}", "fails", "bad"),
            Outcome::Skip => ("\u{2013}", "not judged", "idle"),
            Outcome::Inconclusive => ("?", "inconclusive", "unsure"),
            Outcome::Error => ("!", "runner\u{2019}s error", "unsure"),
        };
        Self { sign, word, class }
    }

    /// The mark of all cases and requirements with this outcome. Not judged and not run are one outcome.
    pub(super) const fn of_any(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Skip => Self { word: "not judged or not run", ..Self::of(outcome) },
            _ => Self::of(outcome),
        }
    }

    /// The mark of a case. A skipped case was not run.
    pub(super) fn of_case(case: &CaseRecord, report: &RunReport) -> Self {
        match Standing::of(case, report) {
            Standing::Skipped => Self { word: "not run", ..Self::of(Outcome::Skip) },
            _ => Self::of(case.outcome),
        }
    }
}
