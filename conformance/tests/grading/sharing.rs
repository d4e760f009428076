//! Cases that share a network or a server process: what is there from an earlier case never makes a right target fail.
//! For changes to `run/sharing.rs`, `run/seats.rs` and `play/following.rs`.

use rstest::rstest;
use serde_json::Value;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::folder::Folder;
use crate::support::runner::RUNNER;

/// Short conversations of both roles, several of them with other values.
const CASES: [&str; 6] = [
    "--case",
    "command/test-rejected*",
    "client/session/request*",
    "server/session/reply*",
    "server/session/results*",
    "server/invalid/request-version*",
];

/// The cases of a grading of this program.
fn cases(source: &str) -> Vec<Value> {
    let folder = Folder::new().with_program("tester", source);
    let mut command = folder.runner();
    // One job: so the cases of a role come one after the other, and share what they may.
    command.args(["--quiet", "--part=p1", "--target-bin=tester", "--jobs=1", "--report=json"]).args(CASES);
    let output = judged(&mut command);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["cases"].as_array().unwrap().clone()
}

fn reference() -> String {
    format!("exec -a {} {RUNNER} \"$@\"", conformance::stage::reference::NAME)
}

#[test]
fn a_server_plays_the_same_conversation_with_other_values_without_a_new_start() {
    let cases = cases(&format!("#!/bin/bash\n{}\n", reference()));
    let after = |id: &str| {
        let of_file = |case: &&Value| case["id"].as_str().unwrap().starts_with(id);
        let after = cases.iter().filter(of_file).map(|case| case["after"].as_u64().unwrap_or(0));
        let mut after: Vec<u64> = after.collect();
        after.sort_unstable();
        after
    };
    assert_eq!(after("server/session/reply["), [0, 1, 2, 3]);
    assert_eq!(after("server/session/results["), [0, 1, 2, 3], "each conversation has its fresh start");
    assert_eq!(after("client/session/request["), [0, 0, 0, 0], "a client is started for each test");
}

#[rstest]
#[case::a_file_that_forbids_a_second_start("[ -e started ] && exit 1\ntouch started")]
#[case::a_file_that_changes_what_it_does("[ -e started ] && set -- --help\ntouch started")]
#[case::a_child_that_stays("sleep 1000 &")]
#[case::a_full_disk("head -c 1G /dev/zero >filler 2>/dev/null")]
fn what_an_earlier_start_left_fails_nothing(#[case] before: &str) {
    let cases = cases(&format!("#!/bin/bash\n{before}\n{}\n", reference()));
    let failed: Vec<_> = cases.iter().filter(|case| case["outcome"] != "pass").collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_server_without_address_reuse_fails_nothing_on_a_network_that_was_used() {
    // A case of its own asks for address reuse.
    let program = format!("exec {} --fault=no-address-reuse \"$@\"", mutant().display());
    let cases = cases(&format!("#!/bin/bash\n{program}\n"));
    let failed: Vec<_> = cases.iter().filter(|case| case["outcome"] != "pass").collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
