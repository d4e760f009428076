//! Output without a run: the cases that would run, and the golden messages.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::runner::RUNNER;

fn json(args: &[&str]) -> Value {
    let output = Folder::new().runner().args(args).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn a_list_is_a_case_a_line() {
    let args =
        ["--list", "--quick", "--case=server/invalid/request-*", "--case=server/timeout/before-request"];
    let list = Folder::new().runner().args(args).assert().success().stderr("");
    insta::assert_snapshot!(String::from_utf8_lossy(&list.get_output().stdout));
}

#[test]
fn a_list_for_programs_has_the_reports_shape_without_outcomes() {
    let list = json(&[
        "--list",
        "--report=json",
        "--quick",
        "--case=server/invalid/request-version[02]",
        "--case=server/timeout/before-request",
    ]);
    insta::assert_json_snapshot!(list);
}

#[test]
fn the_whole_list_says_for_each_requirement_its_cases() {
    let list = json(&["--list", "--report=json"]);
    let cases = list["cases"].as_array().unwrap();
    let ids: BTreeSet<_> = cases.iter().map(|case| case["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), cases.len(), "each case once");
    for requirement in list["requirements"].as_array().unwrap() {
        let id = requirement["id"].as_str().unwrap();
        let wanted: Vec<_> = (cases.iter())
            .filter(|case| strings(&case["requirements"]).contains(&id))
            .map(|case| case["id"].as_str().unwrap())
            .collect();
        assert_eq!(strings(&requirement["cases"]), wanted, "{id}");
    }
}

#[test]
fn a_fixture_of_ones_own_is_listed_beside_the_others() {
    let text = "summary = 'mine'\nrequirements = ['SRV-1']\ntarget = 'server'\n[[step]]\nstart = true\n";
    let folder = Folder::new().with("extra/mine/one.toml", text);
    let args = ["--list", "--fixtures=extra", "--requirement=SRV-1"];
    let list = folder.runner().args(args).assert().success();
    let list = String::from_utf8_lossy(&list.get_output().stdout).into_owned();
    assert!(list.contains("mine/one  SRV-1  mine\n"), "{list}");
    assert!(list.contains("server/session/listens  SRV-1  "), "{list}");
}

#[test]
fn a_list_survives_a_reader_that_is_gone() {
    for args in [&["--list"][..], &["vectors"][..]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(RUNNER);
        let output = command.args(args).stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }
}

#[test]
fn vectors_come_as_a_table_and_as_json() {
    let table = Folder::new().runner().arg("vectors").assert().success().stderr("");
    let table = String::from_utf8_lossy(&table.get_output().stdout).into_owned();
    let vectors = json(&["vectors", "--format=json"]);
    for message in vectors["messages"].as_array().unwrap() {
        for list in ["valid", "invalid"] {
            for vector in message[list].as_array().unwrap() {
                let (name, hex) = (vector["name"].as_str().unwrap(), vector["hex"].as_str().unwrap());
                let stands = |line: &str| line.trim_start().starts_with(name) && line.contains(hex);
                assert!(table.lines().any(stands), "{name} {hex}");
            }
        }
    }
}
