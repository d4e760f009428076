//! A program that does not get as far as its own work: the report says so in one problem, and counts nothing else.

use rstest::rstest;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::folder::Folder;
use crate::support::runner::runner;
use crate::support::words::words;

/// A start takes this long at most, so that a program that does nothing does not cost minutes.
const TIMES: [&str; 4] = ["--startup", "2s", "--patience", "1s"];

/// One case of each kind: the whole run would only fail more often.
const CASES: [&str; 8] = [
    "--case",
    "command/help",
    "command/default-*",
    "command/no-role",
    "server/session/listens",
    "server/session/reply*",
    "client/session/request*",
    "client/connect/nothing-listens",
];

#[rstest]
#[case::ends("#!/bin/sh\nexit 1\n", "Your program ends at once, however it is called")]
#[case::usage(
    "#!/bin/sh\necho 'usage: tester' >&2\nexit 2\n",
    "Your program ends at once, however it is called"
)]
#[case::interpreter("#!/usr/bin/env pythn3\n", "Your program ends at once, however it is called")]
#[case::carriage_return("#!/usr/bin/env sh\r\necho\r\n", "Your program ends at once, however it is called")]
#[case::hangs(
    "#!/bin/sh\nexec sleep 1000\n",
    "Your program does nothing, however it is called, and does not end"
)]
fn a_dead_program_is_one_problem(#[case] source: &str, #[case] title: &str) {
    let folder = Folder::new().with_program("tester", source);
    let mut command = folder.runner();
    let output = judged(
        command.args(["--quiet", "--quick", "--part=p1", "--target-bin=tester"]).args(TIMES).args(CASES),
    );
    let text = words(&String::from_utf8(output.stdout).unwrap());
    assert!(text.contains(title), "{text}");
    assert!(text.contains(": 1 problem."), "{text}");
}

#[test]
fn a_tester_of_part_1_is_told_so() {
    let mut command = runner();
    command.args([
        "--quiet",
        "--quick",
        "--case",
        "data/client/port-announced",
        "data/client/udp-stream-1472",
    ]);
    command.args(["data/server/count[3]", "data/server/round-trips-tcp"]);
    let output = judged(command.arg("--target-bin").arg(mutant()));
    let text = words(&String::from_utf8(output.stdout).unwrap());
    assert!(text.contains("Your tester does not measure yet"), "{text}");
    assert!(text.contains(": 1 problem."), "{text}");
}
