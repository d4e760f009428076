//! The built-in reference with the real 45 s: nothing fails, every requirement of Part 1 is judged, and all long waits
//! happen at the same time.

use std::time::Duration;

use conformance::model::outcome::Outcome;

use crate::support::run::judged_run;
use crate::support::runner::runner;

#[test]
fn the_reference_holds_every_requirement_at_the_documents_own_times() {
    let report = judged_run(&[], |selection| {
        let mut grading = runner();
        grading.args(["--part=p1", "--fail-on=harden"]).args(selection);
        grading
    });
    let report = report.unwrap();
    let not_passed: Vec<_> =
        report.requirements.iter().filter(|record| record.outcome != Outcome::Pass).collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    let total: Duration = report.cases.iter().map(|case| case.duration).sum();
    assert!(
        report.duration < total / 5,
        "the waits were not side by side: {:?} of {total:?}",
        report.duration
    );
}
