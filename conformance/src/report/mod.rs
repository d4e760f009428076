//! The reports of a run, one file for each format. Some are written after the run, and some listen to its events.

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

use std::io;

use crate::model::requirement::Catalogue;
pub use crate::model::run_report::{ReportOptions, RunReport, SCHEMA, TargetInfo, Tool};
use crate::report::format::ReportFormat;
use crate::report::human::Detail;

/// The text or the bytes of a report.
#[derive(Debug)]
pub enum Document {
    /// For a person, with colours. A destination that is no terminal gets it without them.
    Text(String),
    /// For a program or a viewer, byte for byte.
    Bytes(Vec<u8>),
}

/// The report of a finished run in one of the formats. Text is `width` columns wide, and as long as `detail` says.
pub fn render(
    format: ReportFormat,
    report: &RunReport,
    catalogue: &Catalogue,
    width: usize,
    detail: Detail,
) -> io::Result<Document> {
    Ok(match format {
        ReportFormat::Human => Document::Text(human::render(report, catalogue, width, detail)),
        ReportFormat::Json => Document::Bytes(json::render(report)?),
        ReportFormat::Junit => Document::Bytes(junit::render(report, catalogue)?),
        ReportFormat::Tap => Document::Bytes(tap::render(report, catalogue)?),
        ReportFormat::Github => Document::Bytes(github::render(report, catalogue)?),
        ReportFormat::Gradescope => Document::Bytes(gradescope::render(report, catalogue)?),
        ReportFormat::Html => Document::Bytes(html::render(report, catalogue)?),
        ReportFormat::Jsonl => return Err(io::Error::other("jsonl is written while a run lasts")),
    })
}
