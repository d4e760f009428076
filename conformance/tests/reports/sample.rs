//! The run that the tests share.

use conformance::report::format::ReportFormat;
use conformance::report::human::Detail;
use conformance::report::{Document, RunReport, render};
use conformance::words::page::DEFAULT_WIDTH;

use crate::support::catalogue;

/// A run with a case of every outcome.
pub(crate) fn sample() -> RunReport {
    serde_json::from_str(include_str!("sample.json")).unwrap()
}

/// The document, as a file would hold it.
pub(crate) fn rendered(format: ReportFormat, report: &RunReport) -> String {
    match render(format, report, &catalogue(), DEFAULT_WIDTH, Detail::Brief).unwrap() {
        Document::Text(text) => anstream::adapter::strip_str(&text).to_string(),
        Document::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
    }
}
