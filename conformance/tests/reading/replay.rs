//! `conformance replay`: one conversation, shown while it runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use assert_cmd::prelude::OutputAssertExt;
use predicates::prelude::*;
use rstest::rstest;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::runner::{RUNNER, runner};

/// The options that name the mutant with a fault.
fn mutant_with(fault: &str) -> [String; 2] {
    ["--target-cmd".to_owned(), format!("{} --fault={fault}", mutant().display())]
}

/// The output, without what differs from run to run.
fn settled(text: &[u8]) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut settled = text;
    for (pattern, instead) in [
        (r"(?m)^( *>>)? {2,}\d+\.\d{3} s  ", "$1    TIME  "),
        (r"port \d{5}", "port PORT"),
        (r"(01 02|test_port=|01       02            )( ?)[0-9a-f]{2} [0-9a-f]{2}", "$1${2}PP PP"),
        (r"seed \d+", "seed SEED"),
        // It ends at once. Only a busy machine has to wait for it.
        (r"(?m)^ *waiting for the target to end, .*\n", ""),
        (r"[^ ']*/examples/mutant", "./mutant"),
    ] {
        settled = regex::Regex::new(pattern).unwrap().replace_all(&settled, instead).into_owned();
    }
    settled
}

/// Lines about different things may come in any order. Those of one connection may not.
#[rstest]
#[case::server(
    "server/invalid/request-version[02]",
    &[
        "TIME  server starts: --server",
        "TIME  server listens on TCP port 5678",
        "TIME  [1] client connects to 127.0.0.1:5678",
        "TIME  [1] client --> server  a Request of version 2 (invalid)  02 01 01",
        "            version=02, message_type=01, test_type=01",
        "TIME  [1] server closes the connection (end-of-file)",
        "TIME  [2] client connects to 127.0.0.1:5678",
        "TIME  [2] client <-- server  Reply, port PORT  01 02 PP PP",
        "TIME  [2] client <-- server  Results, 0 datagrams  01 04 00 00 00 00 00 00 00 00",
        "\nIt holds. INV-1: A Request of another version is refused",
        "\nseed SEED",
    ]
)]
#[case::client_with_one_variant(
    "client/abort/reset-before-results",
    &[
        "            expect that it connects within 10 s",
        "TIME  client connects to 127.0.0.1:5678",
        "            expect Request (01 01 01) within 5 s",
        "TIME  client <-- server  Reply, port PORT  01 02 PP PP",
        "waiting for an answer, ",
        "TIME  client --> server  Done  01 03",
        "TIME  server resets the connection",
        "TIME  client ends: exit status 1",
        "\nIt holds. CLT-9: ",
    ]
)]
fn a_case_that_holds(#[case] case: &str, #[case] told: &[&str]) {
    let assert = judged(runner().args(["replay", case])).assert().success().stderr("");
    let text = settled(&assert.get_output().stdout);
    let mut rest = text.as_str();
    for words in told {
        let (_, after) =
            rest.split_once(words).unwrap_or_else(|| panic!("no `{words}` in its place:\n{text}"));
        rest = after;
    }
}

/// A program that only starts, prints and ends always does so in the same order.
#[test]
fn a_command() {
    let assert = judged(runner().args(["replay", "command/version"])).assert().success();
    insta::assert_snapshot!("command", settled(&assert.get_output().stdout));
}

#[test]
fn a_case_that_fails_is_explained() {
    let mut command = runner();
    command
        .args(["replay", "server/invalid/request-version[02]"])
        .args(mutant_with("request-version-unchecked"));
    let assert = judged(&mut command).assert().code(1).stderr("");
    let text = settled(&assert.get_output().stdout);
    let (live, verdict) = text.split_once("\nProblem 1").unwrap();
    assert!(live.contains("TIME  [1] client <-- server  Reply, port PORT  01 02 PP PP\n"), "{live}");
    // How much it has printed by then depends on the machine.
    let verdict = verdict.replace("   Output   | Data thread opening\n", "");
    insta::assert_snapshot!("fails", format!("Problem 1{verdict}"));
}

/// A failure below MUST counts too: `replay` has no option for the level.
#[test]
fn every_level_counts() {
    let mut command = runner();
    command
        .args(["replay", "server/interrupt/terminated", "--patience", "1s"])
        .args(mutant_with("sigterm-ignored"));
    judged(&mut command).assert().code(1);
}

/// Events are shown while the runner waits for the rest.
#[test]
fn it_is_told_while_it_goes_on() {
    let mut runner = Command::new(RUNNER)
        .args(["replay", "server/timeout/before-request", "--control-timeout", "30s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(runner.stdout.take().unwrap()).lines();
    let told: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|line| !line.contains("waiting for the target to close"))
        .collect();
    assert!(told.iter().any(|line| line.contains("client connects to 127.0.0.1:5678")), "{told:#?}");
    assert!(runner.try_wait().unwrap().is_none(), "it was told when all was over: {told:#?}");
    runner.kill().unwrap();
    runner.wait().unwrap();
}

#[rstest]
#[case::many(&["server/invalid/request-version"], 2, "3 cases are called so")]
#[case::none(&["server/no-such-case"], 4, "there is no case server/no-such-case")]
#[case::nothing(&[], 2, "<CASE>")]
#[case::no_target(&["command/help", "--target-bin", "/no/such/program"], 3, "/no/such/program")]
#[case::not_on_the_host(&["client/connect/host-name", "--isolation", "host"], 4, "was left out")]
fn what_cannot_be_played_is_refused(#[case] args: &[&str], #[case] code: i32, #[case] words: &str) {
    let assert = runner().arg("replay").args(args).assert().code(code).stdout("");
    assert.stderr(predicate::str::contains(words));
}
