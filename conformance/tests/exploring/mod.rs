//! `conformance explore`: a wrong tester is found, made short and kept; a right one shows nothing.

use std::path::Path;

use assert_cmd::Command;
use conformance::model::outcome::Outcome;
use conformance::report::RunReport;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rstest::rstest;

use crate::support::built::mutant;
use crate::support::folder::Folder;
use crate::support::machine::machine;
use crate::support::runner::runner;
use crate::support::said::said;

/// How long an exploration takes here, as the acceptance of this command asks.
const TIME: &str = "20s";

fn explored(folder: &Folder, args: &[&str]) -> (RunReport, Option<i32>) {
    let output =
        folder.runner().arg("explore").args(args).args(["--quiet", "--report=json"]).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|error| panic!("{error}: {}", said(&output))), output.status.code())
}

fn mutant_with(fault: &str) -> Vec<String> {
    vec!["--target-bin".to_owned(), mutant().display().to_string(), format!("--target-arg=--fault={fault}")]
}

/// A fault is found, the find is a fixture of its own, and this fixture fails when it is played as any other.
#[rstest]
#[case::server("extra-after-done", "server", "INV-7")]
#[case::client("client-takes-end-of-file-for-results", "client", "CLT-9")]
fn a_find_is_kept_and_fails_again(#[case] fault: &str, #[case] role: &str, #[case] id: &str) {
    let _turn = machine();
    let folder = Folder::new();
    let target = mutant_with(fault);
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    let options = ["--part=p1", "--fail-fast", "--save=finds", "--seed=4", "--fail-on=harden"];
    let (report, code) =
        explored(&folder, &[&target[..], &["--time", TIME, "--role", role], &options].concat());
    let explored = report.explored.as_ref().unwrap();
    assert_eq!(code, Some(1), "{explored:#?}");
    let [find] = &explored.finds[..] else { panic!("{explored:#?}") };
    assert!(find.failed > 0 && find.steps <= find.steps_before, "{find:#?}");
    let [case] = &report.cases[..] else { panic!("{:#?}", report.cases) };
    assert_eq!((case.outcome, case.charged[0].to_string().as_str()), (Outcome::Fail, id), "{case:#?}");
    assert_eq!(report.problems.len(), 1);
    assert!(folder.read(&format!("finds/{}.toml", find.id)).contains("[[step]]"));

    let played = |args: &[&str]| -> Command {
        let mut command = folder.runner();
        command
            .args(["--quiet", "--part=p1", "--fail-on=harden", "--fixtures=finds", "--case", &find.id])
            .args(args);
        command
    };
    played(&target).assert().code(1).stdout(contains(id));
    // The reference holds what the mutant does not.
    played(&[]).assert().code(0);
}

#[test]
fn nothing_is_found_in_the_reference() {
    let _turn = machine();
    let (report, code) = explored(&Folder::new(), &["--time", TIME, "--fail-on=harden"]);
    let explored = report.explored.unwrap();
    assert!(explored.finds.is_empty() && explored.unconfirmed.is_empty(), "{explored:#?}");
    assert_eq!(code, Some(0), "{:#?}", report.cases);
    assert!(explored.conversations > 50, "{explored:#?}");
    assert!(report.cases.iter().all(|case| case.outcome == Outcome::Pass));
    // Both roles were tried, and nearly all that can happen to them.
    for role in &explored.coverage {
        let (tried, all) = role.table.counts();
        assert!(tried * 2 > all, "{}: {tried} of {all}", role.role);
    }
}

/// The command of the report brings the find back.
#[test]
fn a_seed_brings_the_find_back() {
    let _turn = machine();
    let folder = Folder::new();
    let target = mutant_with("done-version-unchecked");
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    let options = ["--role=server", "--part=p1", "--fail-fast", "--time", TIME, "--seed=9"];
    let finds = || {
        let (report, _) = explored(&folder, &[&target[..], &options].concat());
        report.cases.iter().map(|case| (case.charged.clone(), case.steps.clone())).collect::<Vec<_>>()
    };
    let first = finds();
    assert!(!first.is_empty());
    assert_eq!(first, finds());
}

#[rstest]
#[case::no_time(&["--time=0"], "--time")]
#[case::no_cases(&["--cases=0"], "--cases")]
#[case::seed(&["--seed=twelve"], "--seed")]
#[case::role(&["--role=both-of-them"], "--role")]
#[case::part(&["--part=cp1"], "--part cp1: explore needs whole sessions, so p1 or p2")]
#[case::folder(&["--save=/dev/null/x"], "--save /dev/null/x")]
fn bad_options_are_refused(#[case] args: &[&str], #[case] named: &str) {
    runner()
        .arg("explore")
        .args(args)
        .assert()
        .code(2)
        .stderr(contains(named).and(contains("panicked").not()));
}

/// A program that never listens is one find, told as such.
#[test]
fn a_program_that_ends_at_once() {
    let folder = Folder::new().with_program("tester", "#!/bin/sh\nexit 1\n");
    let options = [
        "--target-bin=tester",
        "--role=server",
        "--time=10s",
        "--startup=1s",
        "--patience=1s",
        "--fail-fast",
    ];
    let (report, code) = explored(&folder, &options);
    assert_eq!(code, Some(1));
    assert_eq!(report.cases[0].charged[0].to_string(), "SRV-1", "{:#?}", report.cases);
}

/// What a reader sees of it.
#[test]
fn the_report_for_a_person() {
    let _turn = machine();
    let folder = Folder::new();
    let mut command = folder.runner();
    command.arg("explore").args(mutant_with("test-type-unchecked"));
    command.args([
        "--role=server",
        "--part=p1",
        "--fail-fast",
        "--time",
        TIME,
        "--seed=2",
        "--save=finds",
        "--color=never",
    ]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Your server answers a Request for a test that does not exist")
            || text.contains("INV-3"),
        "{text}"
    );
    for part in [
        "Explored for ",
        "explored/2-1  confirmed after ",
        "fails every time",
        "As a server: ",
        "--fixtures finds",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("conformance: found after ") && told.contains("made shorter: explored/2-1"),
        "{told}"
    );
    assert!(Path::new(&folder.path().join("finds/explored/2-1.toml")).exists());
}
