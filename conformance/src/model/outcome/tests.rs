//! From cases to requirements: one failure fails, everything must pass to pass, and what was not judged is neither.

use rstest::rstest;

use super::{CaseRecord, Outcome, Summary, requirement_records};
use crate::model::case::Case;
use crate::model::plan::Plan;
use crate::model::requirement::{Catalogue, Level, RequirementId};

fn id(text: &str) -> RequirementId {
    text.parse().unwrap()
}

fn ids(text: &str) -> Vec<RequirementId> {
    text.split(',').filter(|id| !id.is_empty()).map(id).collect()
}

/// A case that was played, in words: what it is about, how it came out, and for a failure on whom it is charged,
/// such as `INV-1,SRV-2 fail SRV-2`.
fn record(index: usize, words: &str) -> CaseRecord {
    let words: Vec<_> = words.split_whitespace().collect();
    let case = Case::without_steps(&format!("case-{index}"), ids(words[0]));
    let outcome = match words[1] {
        "pass" => Outcome::Pass,
        "fail" => Outcome::Fail,
        "error" => Outcome::Error,
        "inconclusive" => Outcome::Inconclusive,
        "skip" => Outcome::Skip,
        other => panic!("`{other}` is no outcome"),
    };
    let mut record = CaseRecord::unplayed(&case, outcome, format!("{} says why", case.id));
    record.charged = words.get(2).map_or(Vec::new(), |charged| ids(charged));
    record
}

/// The outcome of each requirement of the plan, with its reason.
fn outcomes(about: &str, cases: &str) -> String {
    let catalogue = Catalogue::built_in().unwrap();
    let about = ids(about);
    let requirements = catalogue.all().iter().filter(|entry| about.contains(&entry.id)).cloned().collect();
    let plan = Plan { cases: Vec::new(), dropped: Vec::new(), requirements };
    let cases = cases.split(';').filter(|words| !words.trim().is_empty()).enumerate();
    let cases: Vec<_> = cases.map(|(index, words)| record(index, words)).collect();
    let records = requirement_records(&plan, catalogue.all(), &cases).into_iter().map(|record| {
        let reason = record.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        format!("{} {}{reason}", record.id, record.outcome)
    });
    records.collect::<Vec<_>>().join("; ")
}

#[rstest]
#[case::all_pass("INV-1 pass; INV-1 pass", "INV-1 pass")]
#[case::one_failure_is_enough("INV-1 pass; INV-1 fail INV-1; INV-1 pass", "INV-1 fail")]
#[case::a_failure_outweighs_an_error("INV-1 error; INV-1 fail INV-1", "INV-1 fail")]
#[case::an_error_outweighs_the_rest(
    "INV-1 inconclusive; INV-1 skip; INV-1 error; INV-1 pass",
    "INV-1 error (case-2 says why)"
)]
#[case::inconclusive_is_no_pass(
    "INV-1 pass; INV-1 skip; INV-1 inconclusive",
    "INV-1 inconclusive (case-2 says why)"
)]
#[case::what_was_left_out_is_no_pass("INV-1 pass; INV-1 skip", "INV-1 skip (case-1 says why)")]
#[case::nothing_checks_it("", "INV-1 skip (no case checks it)")]
fn a_requirement_is_as_its_cases(#[case] cases: &str, #[case] wanted: &str) {
    assert_eq!(outcomes("INV-1", cases), wanted);
}

/// A case that breaks on what it rests on is evidence against that, and none for its own requirement.
#[rstest]
#[case::blocked("INV-1 fail SRV-2", "SRV-2 fail; INV-1 skip (not judged: SRV-2 does not hold (case-0))")]
#[case::blocked_beside_a_pass(
    "INV-1 pass; INV-1 fail SRV-2",
    "SRV-2 fail; INV-1 skip (not judged: SRV-2 does not hold (case-1))"
)]
#[case::blocked_and_failed_elsewhere("INV-1 fail SRV-2; INV-1 fail INV-1", "SRV-2 fail; INV-1 fail")]
#[case::an_error_comes_before_a_blocked_case(
    "INV-1 fail SRV-2; INV-1 error",
    "SRV-2 fail; INV-1 error (case-1 says why)"
)]
#[case::a_blocked_case_is_told_before_a_skipped_one(
    "INV-1 skip; INV-1 fail SRV-2",
    "SRV-2 fail; INV-1 skip (not judged: SRV-2 does not hold (case-1))"
)]
#[case::one_of_its_two_requirements_failed(
    "INV-1,SRV-2 fail SRV-2",
    "SRV-2 fail; INV-1 skip (not judged: SRV-2 does not hold (case-0))"
)]
#[case::both_failed("INV-1,SRV-2 fail INV-1,SRV-2", "SRV-2 fail; INV-1 fail")]
fn a_blocked_requirement_never_passes(#[case] cases: &str, #[case] wanted: &str) {
    assert_eq!(outcomes("INV-1", cases), wanted);
}

#[test]
fn a_requirement_that_was_not_asked_for_is_reported_only_when_it_failed() {
    assert_eq!(outcomes("INV-1", "INV-1,INV-2 pass"), "INV-1 pass");
    assert_eq!(
        outcomes("INV-1", "INV-1 fail SRV-1"),
        "SRV-1 fail; INV-1 skip (not judged: SRV-1 does not hold (case-0))"
    );
}

#[test]
fn a_blocked_requirement_is_told_from_a_skipped_one() {
    let catalogue = Catalogue::built_in().unwrap();
    let requirement = catalogue.find(&id("INV-1")).unwrap().clone();
    let plan = Plan { cases: Vec::new(), dropped: Vec::new(), requirements: vec![requirement] };
    let is_blocked = |words| {
        let records = requirement_records(&plan, catalogue.all(), &[record(0, words)]);
        records.iter().any(super::RequirementRecord::is_blocked)
    };
    assert!(is_blocked("INV-1 fail SRV-1"));
    assert!(!is_blocked("INV-1 skip"));
    assert!(!is_blocked("INV-1 fail INV-1"));
}

#[test]
fn the_evidence_is_listed_once_and_in_order() {
    let catalogue = Catalogue::built_in().unwrap();
    let requirements = vec![catalogue.find(&id("INV-1")).unwrap().clone()];
    let plan = Plan { cases: Vec::new(), dropped: Vec::new(), requirements };
    let cases = [record(0, "INV-1 fail INV-1"), record(1, "SRV-7 fail INV-1"), record(2, "SRV-7 pass")];
    let records = requirement_records(&plan, catalogue.all(), &cases);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].cases, ["case-0", "case-1"]);
}

#[test]
fn a_summary_counts_by_level() {
    let catalogue = Catalogue::built_in().unwrap();
    let of_level = |level| catalogue.all().iter().filter(move |entry| entry.level == level).take(5);
    let requirements = [Level::Must, Level::Should, Level::Harden].into_iter().flat_map(of_level).cloned();
    let plan = Plan { cases: Vec::new(), dropped: Vec::new(), requirements: requirements.collect() };
    let outcomes = ["pass", "fail", "error", "inconclusive", "skip"].iter().cycle();
    let cases: Vec<_> = (plan.requirements.iter().zip(outcomes).enumerate())
        .map(|(index, (entry, outcome))| match *outcome {
            "fail" => record(index, &format!("{0} fail {0}", entry.id)),
            outcome => record(index, &format!("{} {outcome}", entry.id)),
        })
        .collect();
    let summary = Summary::of(&requirement_records(&plan, catalogue.all(), &cases));
    for level in [Level::Must, Level::Should] {
        let count = summary.count(level);
        assert_eq!((count.passed, count.failed, count.error, count.skipped), (1, 1, 2, 1), "{level}");
    }
    let harden = summary.count(Level::Harden);
    let all = harden.passed + harden.failed + harden.error + harden.skipped;
    assert_eq!(all, plan.requirements.iter().filter(|entry| entry.level == Level::Harden).count());
}
