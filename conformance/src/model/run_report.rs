//! The result of a whole run, which every report shows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::explored::Explored;
use crate::model::known::Comparison;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord, Summary};
use crate::model::place::Isolation;
use crate::model::problem::Problem;
use crate::model::requirement::{Level, Part};
use crate::model::tolerance::{Tolerances, seconds};

/// The result of a whole run. The JSON report has the same fields (spec/report.schema.json).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this shape.
    pub schema: u32,
    /// The program that made it.
    pub tool: Tool,
    /// The program that was graded.
    pub target: TargetInfo,
    /// The options that the verdict depends on.
    pub options: ReportOptions,
    /// Where the cases ran.
    pub isolation: Isolation,
    /// When, RFC 3339.
    pub started: String,
    /// How long it took.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// The counts.
    pub summary: Summary,
    /// Requirement by requirement.
    pub requirements: Vec<RequirementRecord>,
    /// What there is to fix, the most important first.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// Case by case.
    pub cases: Vec<CaseRecord>,
    /// The known failures among them, with `--baseline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// What was tried beyond the cases, with `explore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explored: Option<Explored>,
}

impl RunReport {
    /// The problem that a failed case belongs to, with its number, from 1 on.
    pub fn problem_of(&self, case: &str) -> Option<(usize, &Problem)> {
        (1..).zip(&self.problems).find(|(_, problem)| {
            let mut cases = problem.others.iter().chain(&problem.consequences);
            problem.witness == case || cases.any(|other| other == case)
        })
    }
}

impl RunReport {
    /// A report without results.
    pub fn blank(target: TargetInfo, options: ReportOptions, isolation: Isolation) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::this(),
            target,
            options,
            isolation,
            started: String::new(),
            duration: Duration::ZERO,
            summary: Summary::default(),
            requirements: Vec::new(),
            problems: Vec::new(),
            cases: Vec::new(),
            baseline: None,
            explored: None,
        }
    }

    /// Whether a requirement fails only in finds of an exploration that was made beside the cases.
    pub fn fails_by_exploring_alone(&self, record: &RequirementRecord) -> bool {
        let Some(explored) = &self.explored else { return false };
        let mut charged = self.cases.iter().filter(|case| case.charged.contains(&record.id));
        record.outcome == Outcome::Fail && charged.all(|case| explored.found(&case.id))
    }
}

/// The version of [`RunReport`].
pub const SCHEMA: u32 = 2;

/// The runner itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// `conformance`
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// The program that was graded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Its file; `None` for the built-in reference.
    pub path: Option<String>,
    /// The SHA-256 digest of that file, hex.
    pub sha256: Option<String>,
    /// Arguments that come before those of each case.
    pub args: Vec<String>,
}

/// The options that a verdict depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportOptions {
    /// Graded up to this part.
    pub part: Part,
    /// No case that waits long.
    pub quick: bool,
    /// The lowest level that counts for the exit status.
    pub fail_on: Level,
    /// How many cases could use a processor at once.
    pub jobs: usize,
    /// The seed of all random bytes.
    pub seed: u64,
    /// The folders and files of `--fixtures`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixtures: Vec<String>,
    /// The times.
    #[serde(flatten)]
    pub tolerances: Tolerances,
}
