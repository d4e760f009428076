//! A run's outcome for those who want to know it: a person or a program. Each report listens to the
//! run's events; none is asked anything.

pub mod format;
pub mod github;
pub mod gradescope;
pub mod html;
pub mod human;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod output;
pub mod pcapng;
pub mod plain;
pub mod progress;
pub mod set;
mod tally;
pub mod tap;
pub mod transcripts;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use std::io;

use crate::model::known::Comparison;
use crate::model::outcome::{CaseRecord, RequirementRecord, Summary};
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, Level, Part};
use crate::model::tolerance::{Tolerances, seconds};
use crate::report::format::ReportFormat;

/// A report, written out.
#[derive(Debug)]
pub enum Document {
    /// For a person's terminal, with colours that a destination takes out where nobody sees them.
    Text(String),
    /// For a program or a viewer, byte for byte.
    Bytes(Vec<u8>),
}

/// The report of a finished run in one of the formats; text is `width` columns wide.
pub fn render(
    format: ReportFormat,
    report: &RunReport,
    catalogue: &Catalogue,
    width: usize,
) -> io::Result<Document> {
    Ok(match format {
        ReportFormat::Human => Document::Text(human::render(report, catalogue, width)),
        ReportFormat::Json => Document::Bytes(json::render(report)?),
        ReportFormat::Junit => Document::Bytes(junit::render(report, catalogue)?),
        ReportFormat::Tap => Document::Bytes(tap::render(report, catalogue)?),
        ReportFormat::Github => Document::Bytes(github::render(report, catalogue)?),
        ReportFormat::Gradescope => Document::Bytes(gradescope::render(report, catalogue)?),
        ReportFormat::Html => Document::Bytes(html::render(report, catalogue)?),
        ReportFormat::Jsonl => return Err(io::Error::other("jsonl is written while a run lasts")),
    })
}

/// A whole run, as every report tells it. The JSON report is this, field by field
/// (spec/report.schema.json).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this shape.
    pub schema: u32,
    /// Who made it.
    pub tool: Tool,
    /// Whom it is about.
    pub target: TargetInfo,
    /// What it was measured against.
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
    /// Case by case.
    pub cases: Vec<CaseRecord>,
    /// The known failures among them, with `--baseline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
}

/// The version of [`RunReport`].
pub const SCHEMA: u32 = 1;

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
    /// Its file; nothing for the built-in reference.
    pub path: Option<String>,
    /// The digest of that file, hex.
    pub sha256: Option<String>,
    /// Arguments before each case's own.
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
    /// How many cases worked at once.
    pub jobs: usize,
    /// For whatever was random.
    pub seed: u64,
    /// The times.
    #[serde(flatten)]
    pub tolerances: Tolerances,
}
