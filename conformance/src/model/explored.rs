//! What an exploration tried and what it found, as the reports show it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::case::Role;
use super::tolerance::seconds;

/// The exploration of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explored {
    /// Brings the same conversations back.
    pub seed: u64,
    /// How long it took.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// Conversations that were played.
    pub conversations: usize,
    /// Starts of the program.
    pub starts: usize,
    /// Failures that did not come again when the conversation was played alone, a sentence each. They count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<String>,
    /// Failures that showed a find once more.
    pub again: usize,
    /// It ended early: every conversation met a find that was known.
    pub blocked: bool,
    /// The finds take points too (`--explore-counts`). Otherwise they do not: another seed finds other things.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts: bool,
    /// The folder in which the finds were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// What was found.
    pub finds: Vec<ExploredFind>,
    /// What was tried, for each role.
    pub coverage: Vec<RoleCoverage>,
}

/// One find: how it was found. Its failure is the case of this id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExploredFind {
    /// The case.
    pub id: String,
    /// When the first sign of it came.
    #[serde(rename = "suspected_s", with = "seconds")]
    pub suspected: Duration,
    /// When it was confirmed: alone, on a fresh start, with the full patience.
    #[serde(rename = "confirmed_s", with = "seconds")]
    pub confirmed: Duration,
    /// What the runner did in the conversation that failed first, counted.
    pub steps_before: usize,
    /// The same after it was made shorter.
    pub steps: usize,
    /// How often the short conversation failed.
    pub failed: usize,
    /// Of how many times.
    pub played: usize,
    /// Nothing shorter was left to try.
    pub smallest: bool,
}

/// What was tried with the program in one role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleCoverage {
    /// The role.
    pub role: Role,
    /// The transitions.
    pub table: CoverageTable,
}

/// States by what happened in them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoverageTable {
    /// What a state is, as the head of the first column.
    pub states: String,
    /// The heads of the other columns.
    pub inputs: Vec<String>,
    /// A row for each state.
    pub rows: Vec<CoverageRow>,
}

/// One state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoverageRow {
    /// In words.
    pub state: String,
    /// How often each input was tried; none where the model has no such transition.
    pub tried: Vec<Option<usize>>,
}

impl CoverageTable {
    /// Transitions that were tried, and all that there are.
    pub fn counts(&self) -> (usize, usize) {
        let all = || self.rows.iter().flat_map(|row| &row.tried).flatten();
        (all().filter(|count| **count > 0).count(), all().count())
    }
}

impl Explored {
    /// Whether this case is a find.
    pub fn found(&self, case: &str) -> bool {
        self.finds.iter().any(|find| find.id == case)
    }
}
