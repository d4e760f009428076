//! How an outcome is shown: a sign, a word and a colour, so that none of them has to be seen to know it.

use crate::model::outcome::{CaseRecord, Outcome};
use crate::report::RunReport;
use crate::report::plain::Standing;

/// The mark of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// For the eye only.
    pub(super) sign: &'static str,
    /// What it says.
    pub(super) word: &'static str,
    /// Which colour: a class of the style sheet.
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

    /// Of all that came out so: what was not judged and what was not run are one.
    pub(super) const fn of_any(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Skip => Self { word: "not judged or not run", ..Self::of(outcome) },
            _ => Self::of(outcome),
        }
    }

    /// Of a case: one that was not run is not one that could not be judged.
    pub(super) fn of_case(case: &CaseRecord, report: &RunReport) -> Self {
        match Standing::of(case, report) {
            Standing::Skipped => Self { word: "not run", ..Self::of(Outcome::Skip) },
            _ => Self::of(case.outcome),
        }
    }
}
