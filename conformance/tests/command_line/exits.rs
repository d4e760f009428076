//! Small runs: their exit status and their reports.

use std::collections::BTreeMap;

use assert_cmd::prelude::OutputAssertExt;
use predicates::prelude::*;
use predicates::str::contains;
use rstest::rstest;
use serde_json::Value;

use crate::support::again::judged;
use crate::support::folder::Folder;
use crate::support::json::json;

/// A target that is no tester: it prints its version on request, and otherwise ends at once.
const QUITTER: &str = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.0\nexit 0\n";

fn quitter() -> Folder {
    Folder::new().with_program("tester", QUITTER)
}

#[rstest]
#[case::all_holds(&["--case=command/version"], 0)]
#[case::a_must_does_not(&["--case=server/session/listens"], 1)]
#[case::one_of_two(&["--case=command/version", "--case=server/session/listens"], 1)]
#[case::a_should_does_not(&["--case=command/no-role"], 0)]
#[case::a_should_that_counts(&["--case=command/no-role", "--fail-on=should"], 1)]
#[case::what_it_rests_on_does_not(&["--requirement=INV-1"], 1)]
fn the_exit_status_is_the_verdict(#[case] args: &[&str], #[case] status: i32) {
    let folder = quitter();
    let output = judged(folder.runner().args(["--quiet", "--target-bin=tester"]).args(args));
    output.assert().code(status).stderr("");
}

#[test]
fn the_reference_is_graded_without_a_target() {
    let args = ["--quiet", "--case=server/session/reply", "--case=command/version"];
    let holds = contains("the built-in reference, Part 2: no problem.").and(contains("MUST    2 of 2 hold"));
    judged(Folder::new().runner().args(args)).assert().code(0).stderr("").stdout(holds);
}

#[test]
fn a_command_may_have_arguments() {
    let folder = Folder::new().with("program.sh", "[ \"$1 $2 $3\" = 'a b c --version' ] && echo 1.0\n");
    let args = ["--target-cmd=sh program.sh 'a b'", "--target-arg=c", "--case=command/version"];
    judged(folder.runner().args(args)).assert().code(0);
}

#[test]
fn fail_fast_leaves_the_rest() {
    let args = ["--target-bin=tester", "--fail-fast", "--jobs=1", "--requirement=INV-1", "--report=json"];
    let folder = quitter();
    let output = judged(folder.runner().args(args));
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    let outcomes: Vec<_> = report["cases"].as_array().unwrap().iter().map(|case| &case["outcome"]).collect();
    assert!(outcomes.iter().any(|outcome| *outcome == "fail"), "{outcomes:?}");
    for case in report["cases"].as_array().unwrap().iter().filter(|case| case["outcome"] == "skip") {
        assert_eq!(case["message"], "not run: --fail-fast");
    }
}

#[test]
fn a_report_goes_where_it_was_asked_to() {
    let folder = quitter();
    let args = ["--target-bin=tester", "--case=command/version", "--report", "human", "json=out.json"];
    judged(folder.runner().args(args)).assert().code(0).stdout(contains("tester, Part 2: no problem."));
    let report: Value = serde_json::from_str(&folder.read("out.json")).unwrap();
    assert_eq!(report["target"]["path"], "tester");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no draft is left behind: {left:?}");
}

/// The form of `started`.
const RFC_3339: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$";

#[test]
fn the_json_report_has_its_documented_shape() {
    let args = [
        "--target-bin=tester",
        "--target-arg=--slow",
        "--seed=7",
        "--case=command/version",
        "--case=server/invalid/request-version[02]",
        "--case=server/timeout/before-request",
        "--quick",
        "--report=json",
    ];
    let folder = quitter();
    let output = judged(folder.runner().args(args));
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    insta::assert_json_snapshot!(shape(&report));

    assert_eq!(report["schema"], 2);
    assert_eq!(report["tool"]["name"], "conformance");
    assert_eq!(report["target"]["args"], serde_json::json!(["--slow"]));
    assert_eq!(report["target"]["sha256"], sha256(QUITTER));
    assert_eq!(report["options"]["seed"], 7);
    let started = report["started"].as_str().unwrap();
    assert!(predicates::str::is_match(RFC_3339).unwrap().eval(started), "{started}");

    let outcomes = |list: &str| -> BTreeMap<String, String> {
        let entries = report[list].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        entries.map(|entry| (text(&entry["id"]), text(&entry["outcome"]))).collect()
    };
    insta::assert_json_snapshot!([outcomes("cases"), outcomes("requirements")]);
    for (level, count) in report["summary"].as_object().unwrap() {
        let of_level = report["requirements"].as_array().unwrap().iter();
        let of_level = of_level.filter(|entry| entry["level"] == level.as_str()).count();
        let counted: u64 = count.as_object().unwrap().values().map(|number| number.as_u64().unwrap()).sum();
        assert_eq!(counted, of_level as u64, "{level}");
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(text))
}

/// The keys and types of a document. For a list: the keys and types of all its entries.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(entries) => Value::Array(entries.iter().map(shape).reduce(merged).into_iter().collect()),
        Value::Object(entries) => {
            // The events of a transcript and the faults of a finding have their own tags.
            let open = |key: &str| matches!(key, "transcript" | "finding");
            let shape_of = |key: &String, value| if open(key) { "…".into() } else { shape(value) };
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), shape_of(key, value))).collect())
        }
    }
}

fn merged(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (key, value) in right {
                let value = match left.remove(&key) {
                    Some(known) => merged(known, value),
                    None => value,
                };
                left.insert(key, value);
            }
            Value::Object(left)
        }
        (Value::Array(left), Value::Array(right)) => {
            Value::Array(left.into_iter().chain(right).reduce(merged).into_iter().collect())
        }
        (left, right) if left == right => left,
        (left, right) => format!("{left} or {right}").into(),
    }
}
