//! Tests repeat a grading if its report says that something could not be judged (`support/again.rs`). So the formats
//! must say that in words that `again.rs` knows, and no verdict may be repeated. For changes to these words.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};

use conformance::model::outcome::Outcome;
use conformance::report::RunReport;
use conformance::report::format::ReportFormat;
use rstest::rstest;

use super::sample::{rendered, sample};
use crate::support::again::{again_while, is_unsure};

/// A run that ended with this exit status.
fn ended(code: i32, stdout: String) -> Output {
    Output { status: ExitStatus::from_raw(code << 8), stdout: stdout.into_bytes(), stderr: Vec::new() }
}

/// The shared run without anything inconclusive, as on an idle machine.
fn without_doubt() -> RunReport {
    let mut report = sample();
    let unsure = |outcome: Outcome| matches!(outcome, Outcome::Inconclusive | Outcome::Error);
    report.cases.retain(|case| !unsure(case.outcome));
    report.requirements.retain(|record| !unsure(record.outcome));
    report
}

#[rstest]
#[case::human(ReportFormat::Human)]
#[case::json(ReportFormat::Json)]
#[case::github(ReportFormat::Github)]
fn what_could_not_be_judged_is_seen_in_the_report(#[case] format: ReportFormat) {
    assert!(is_unsure(&ended(1, rendered(format, &sample()))));
    let verdicts = rendered(format, &without_doubt());
    assert!(!is_unsure(&ended(1, verdicts.clone())), "{verdicts}");
}

#[rstest]
#[case::holds(0, 1)]
#[case::does_not(1, 1)]
#[case::wrong_call(2, 1)]
#[case::not_judged(3, 3)]
fn only_what_is_unsure_is_asked_again(#[case] status: i32, #[case] times: usize) {
    let asked = Cell::new(0);
    let output = again_while(is_unsure, || {
        asked.set(asked.get() + 1);
        ended(status, String::new())
    });
    assert_eq!((output.status.code(), asked.get()), (Some(status), times));
}
