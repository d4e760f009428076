//! `conformance diff` and `conformance merge`, on reports as files.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::commands::diff::Diff;
use conformance::commands::merge::{Merged, merge_runs};
use conformance::model::outcome::Outcome;
use conformance::report::RunReport;
use predicates::prelude::*;
use rstest::rstest;

use super::parsers::assert_junit_is_valid;
use super::sample::sample;
use super::schema::assert_valid;
use crate::support::catalogue;
use crate::support::runner::runner;

fn requirement(report: &mut RunReport, id: &str, outcome: Outcome) {
    let record = report.requirements.iter_mut().find(|record| record.id.to_string() == id).unwrap();
    record.outcome = outcome;
    record.reason = None;
    let cases = record.cases.clone();
    let id: conformance::model::requirement::RequirementId = id.parse().unwrap();
    for case in report.cases.iter_mut().filter(|case| cases.contains(&case.id)) {
        case.outcome = outcome;
        case.message = (outcome == Outcome::Fail).then(|| "something is wrong".to_owned());
        case.charged = if outcome == Outcome::Fail { vec![id.clone()] } else { Vec::new() };
    }
}

/// A later run: INV-1 is fixed, SRV-1 is broken, TMO-1 was run, CLI-13 was not, CLI-1 is new, SER-1 is gone.
fn later() -> RunReport {
    let mut report = sample();
    requirement(&mut report, "INV-1", Outcome::Pass);
    requirement(&mut report, "SRV-1", Outcome::Fail);
    requirement(&mut report, "TMO-1", Outcome::Pass);
    report.options.quick = false;
    let gone = report.requirements.iter().position(|record| record.id.to_string() == "SER-1").unwrap();
    let mut new = report.requirements.remove(gone);
    new.id = "CLI-1".parse().unwrap();
    new.title = "--help lists the seven options and succeeds".to_owned();
    new.outcome = Outcome::Pass;
    new.reason = None;
    new.cases = vec!["command/help".to_owned()];
    report.requirements.insert(0, new);
    report
}

fn write(folder: &Path, name: &str, report: &RunReport) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, serde_json::to_vec(report).unwrap()).unwrap();
    path
}

#[test]
fn a_diff_says_what_was_fixed_what_broke_and_what_is_new() {
    let text = Diff::of(&sample(), &later()).to_text();
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
}

#[test]
fn a_diff_of_a_run_with_itself_tells_only_what_still_fails() {
    let text = Diff::of(&sample(), &sample()).to_text();
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
}

#[test]
fn a_diff_as_json() {
    let diff = serde_json::to_value(Diff::of(&sample(), &later())).unwrap();
    insta::assert_json_snapshot!(diff);
}

#[test]
fn a_diff_ends_with_1_only_where_something_that_counts_broke() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] =
        [("old", sample()), ("new", later())].map(|(name, run)| write(folder.path(), name, &run));
    runner().arg("diff").args([&old, &new]).assert().code(1).stdout(predicate::str::contains("Broke"));
    runner().arg("diff").args([&new, &old]).assert().code(1);
    runner().arg("diff").args([&old, &old]).assert().code(0);
    // CLI-13 is not a MUST, and --fail-on was must.
    let mut better = sample();
    requirement(&mut better, "CLI-13", Outcome::Pass);
    let better = write(folder.path(), "better", &better);
    runner().arg("diff").args([&better, &old]).assert().code(0).stdout(predicate::str::contains("Broke"));
    let json = runner().args(["diff", "--format", "json"]).args([&old, &new]).assert().code(1);
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["broke"][0]["id"], "SRV-1");
}

#[rstest]
#[case::missing("missing", None, "missing: No such file")]
#[case::no_json("no-json", Some("{\"schema\": 1"), "no-json is no JSON report of this program: EOF")]
#[case::another_json(
    "other",
    Some("{\"schema\": 2}"),
    "other is no JSON report of this program: missing field"
)]
#[case::a_list("list", Some("[1]"), "list is no JSON report of this program: invalid type")]
#[case::a_case_that_is_a_list(
    "case",
    Some("{\"schema\": 1, \"cases\": [[\"id\"]]}"),
    "case is no JSON report of this program: invalid length"
)]
#[case::another_schema(
    "later",
    Some("{\"schema\": 3}"),
    "later: a report of schema 3, and this program reads up to 2"
)]
fn a_file_that_is_no_report_is_refused(
    #[case] name: &str,
    #[case] text: Option<&str>,
    #[case] says: &str,
    #[values("diff", "merge")] command: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good", &sample());
    let bad = folder.path().join(name);
    if let Some(text) = text {
        fs::write(&bad, text).unwrap();
    }
    let assert = runner().arg(command).args([&good, &bad]).assert().code(2).stdout("");
    assert.stderr(predicate::str::contains(says).and(predicate::str::contains("panicked").not()));
}

fn merged(runs: impl IntoIterator<Item = (&'static str, RunReport)>) -> Merged {
    let runs = runs.into_iter().map(|(name, run)| (name.to_owned(), run)).collect();
    merge_runs(runs, &catalogue()).unwrap()
}

/// Half of the cases of the shared run: an even or an odd shard.
fn shard(remainder: usize) -> RunReport {
    let mut report = sample();
    let mut index = 0;
    report.cases.retain(|_| {
        index += 1;
        index % 2 == remainder
    });
    let cases: Vec<String> = report.cases.iter().map(|case| case.id.clone()).collect();
    report.requirements.retain(|record| record.cases.iter().any(|case| cases.contains(case)));
    report
}

#[test]
fn shards_make_the_whole() {
    let Merged { report, conflicts } = merged([("even.json", shard(0)), ("odd.json", shard(1))]);
    assert_eq!(conflicts, Vec::<String>::new());
    let verdicts = |report: &RunReport| -> Vec<(String, Outcome)> {
        report.requirements.iter().map(|record| (record.id.to_string(), record.outcome)).collect()
    };
    assert_eq!(verdicts(&report), verdicts(&sample()));
    let whole = sample();
    let cases =
        |report: &RunReport| -> Vec<String> { report.cases.iter().map(|case| case.id.clone()).collect() };
    assert_eq!(cases(&report), cases(&whole));
    assert_eq!(report.summary, whole.summary);
    assert_eq!(report.duration, whole.duration * 2);
    assert_valid("report", &serde_json::to_value(&report).unwrap());
}

#[test]
fn runs_that_do_not_agree_fail_and_say_so() {
    let mut lucky = sample();
    requirement(&mut lucky, "INV-1", Outcome::Pass);
    requirement(&mut lucky, "TMO-1", Outcome::Pass);
    requirement(&mut lucky, "SRV-13", Outcome::Pass);
    for runs in
        [[("a.json", sample()), ("b.json", lucky.clone())], [("b.json", lucky.clone()), ("a.json", sample())]]
    {
        let Merged { report, conflicts } = merged(runs);
        let outcome =
            |id: &str| report.requirements.iter().find(|record| record.id.to_string() == id).unwrap().outcome;
        assert_eq!(outcome("INV-1"), Outcome::Fail);
        // If only one run judged a case, this is no disagreement.
        assert_eq!(outcome("TMO-1"), Outcome::Pass);
        assert_eq!(outcome("SRV-13"), Outcome::Pass);
        assert_eq!(
            conflicts,
            [
                "server/invalid/request-version[version=02]: fails in a.json and passes in b.json",
                "server/serial/second-client-waits: fails in a.json and passes in b.json",
            ]
        );
        let case = report.cases.iter().find(|case| case.id.starts_with("server/invalid")).unwrap();
        assert!(
            case.message
                .as_deref()
                .unwrap()
                .starts_with("fails in a.json and passes in b.json: the connection")
        );
    }
}

#[test]
fn a_merge_writes_any_report_and_ends_like_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let [even, odd] = [0, 1].map(|rest| write(folder.path(), &format!("{rest}.json"), &shard(rest)));
    let merged = runner().arg("merge").args([&even, &odd]).assert().code(1).stderr("");
    assert_valid("report", &serde_json::from_slice(&merged.get_output().stdout).unwrap());
    let junit = folder.path().join("all.xml");
    runner()
        .arg("merge")
        .args([&even, &odd])
        .args(["--report", "tap", "--report", &format!("junit={}", junit.display())])
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with("TAP version 14\n1..7\n"));
    assert_junit_is_valid(&fs::read_to_string(&junit).unwrap());
}

#[test]
fn known_failures_of_the_shards_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let shards = [0, 1].map(|remainder| {
        let mut shard = shard(remainder);
        let failed = shard.cases.iter().filter(|case| case.outcome == Outcome::Fail);
        let expected = failed.map(|case| case.id.clone()).collect();
        shard.baseline = Some(conformance::model::known::Comparison { expected, fixed: Vec::new() });
        shard
    });
    let fixed = {
        let mut shard = shards[0].clone();
        requirement(&mut shard, "INV-1", Outcome::Pass);
        shard.baseline = Some(conformance::model::known::Comparison {
            expected: Vec::new(),
            fixed: vec!["server/invalid/request-version[version=02]".to_owned()],
        });
        shard
    };
    let [even, odd] = shards;
    let [even, odd, fixed] =
        [("even", even), ("odd", odd), ("fixed", fixed)].map(|(name, run)| write(folder.path(), name, &run));
    // Only SRV-13 is left, which could not be judged.
    runner().arg("merge").args([&even, &odd]).assert().code(3);
    runner().arg("merge").args([&fixed, &odd]).assert().code(1);
}

#[test]
fn reports_of_two_targets_are_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = sample();
    other.target.sha256 = Some("0".repeat(64));
    let [one, two] = [("one", sample()), ("two", other)].map(|(name, run)| write(folder.path(), name, &run));
    let assert = runner().arg("merge").args([&one, &two]).assert().code(2).stdout("");
    assert.stderr(predicate::str::contains("are not of one target"));
}

#[test]
fn a_merge_says_in_what_the_runs_differ() {
    let mut strict = sample();
    strict.options.fail_on = conformance::model::requirement::Level::Should;
    strict.options.tolerances.patience *= 2;
    let Merged { report, conflicts } = merged([("a.json", sample()), ("b.json", strict)]);
    assert_eq!(report.options.fail_on, conformance::model::requirement::Level::Should);
    assert_eq!(
        conflicts,
        [
            "b.json and a.json differ in the times",
            "b.json and a.json differ in --fail-on (the stricter one counts)",
        ]
    );
}
