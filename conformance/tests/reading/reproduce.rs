//! `conformance reproduce`: the script runs without the runner. It passes a right tester, and names the wrong field of
//! a wrong one.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use predicates::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use crate::support::again::again_while;
use crate::support::built::{built, mutant};
use crate::support::catalogue;
use crate::support::installed::there_is;
use crate::support::networks::{LOOPBACK, in_own_network, there_are_networks};
use crate::support::runner::runner;
use crate::support::said::said;

/// Writes the script of a case into a folder of its own.
fn script(case: &str, options: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.py");
    runner().args(["reproduce", case, "-o"]).arg(&file).args(options).assert().success().stdout("");
    (folder, file)
}

/// The same script on another port, as a user may edit it: two testers cannot share a port.
fn on_port(file: &Path, port: u16) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("PORT = 5678 "), "{text}");
    fs::write(file, text.replace("PORT = 5678 ", &format!("PORT = {port} "))).unwrap();
}

/// A port for one test: below those that the system gives to clients, and each only once.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The exit status of a script that was woken too late to be sure of what it saw.
const NOT_SURE: i32 = 3;

#[rstest]
#[case::refused("server/invalid/request-version[02]")]
#[case::foreign("server/invalid/foreign-bytes[http]")]
#[case::flood("server/invalid/foreign-bytes[1-MiB-random]")]
#[case::cut("server/segmentation/request-and-done-cut[1+1,1+1+1]")]
#[case::serial("server/serial/five-wait")]
#[case::reset("server/abort/reset-after-reply")]
#[case::many("server/abort/200-in-a-row")]
#[case::half_close("server/abort/half-close-after-done")]
#[case::timeout("server/timeout/before-request")]
#[case::not_early("server/timeout/every-byte-restarts")]
#[case::interrupted("server/interrupt/in-test[UDP_RR]")]
#[case::started_again("server/interrupt/restart-after-session")]
#[case::port("server/session/port-announced[TCP_STREAM]")]
#[case::data_thread("client/session/data-thread")]
#[case::reply_cut("client/segmentation/reply-cut[1+1+1+1]")]
#[case::bad_results("client/invalid/results[type-05]")]
#[case::server_leaves("client/abort/reset-within-results[4-bytes]")]
#[case::client_interrupted("client/interrupt/in-test[TCP_RR]")]
#[case::counted("data/server/count[1000]")]
#[case::counted_twice("data/server/count-two-tests")]
#[case::stranger("data/server/strangers-not-answered")]
#[case::round_trips("data/server/round-trips-tcp[one-by-one]")]
#[case::freed("data/server/freed-after-done-with-data[UDP_RR]")]
#[case::host_name("client/connect/host-name")]
#[case::command_line("command/test-rejected[misspelt]")]
#[case::served("command/default-test")]
fn the_reference_is_found_right(#[case] case: &str) {
    if !there_is("python3") {
        return;
    }
    let (_folder, file) = script(case, &["--control-timeout", "2s", "--early", "500ms"]);
    let port = free_port();
    on_port(&file, port);
    let play = || {
        let mut script = Command::new("python3");
        script.arg(&file).arg("--").arg(built("tester"));
        script.args(["--control-timeout", "2", "--port", &port.to_string()]).output().unwrap()
    };
    let output = again_while(|output| output.status.code() == Some(NOT_SURE), play);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\nAS EXPECTED: all that was tried"), "{said}");
}

/// The interpreter must not end while a thread of the script still shows the program's output: it crashed then.
#[test]
fn the_last_words_are_waited_for() {
    if !there_is("python3") {
        return;
    }
    let (folder, file) = script("server/session/listens", &[]);
    let port = free_port();
    on_port(&file, port);
    // A process of another session outlives the program, shares its terminal, and prints after the program has ended.
    let program = folder.path().join("program");
    let waits = "while kill -0 $0 2>/dev/null; do sleep 0.05; done; echo last words";
    let text = format!("#!/bin/sh\nsetsid sh -c '{waits}' $$ &\nexec {} \"$@\"\n", built("tester").display());
    fs::write(&program, text).unwrap();
    let mut command = Command::new("python3");
    command.arg(&file).args(["--", "sh"]).arg(&program).args(["--port", &port.to_string()]);
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("  | last words"), "{said}");
}

#[rstest]
#[case("reply-of-wrong-type", "server/session/reply[TCP_RR]", "byte 1 (message_type) is 03 instead of 02")]
#[case("results-natively-aligned", "server/session/results[TCP_RR]", "6 bytes too many")]
#[case("request-version-unchecked", "server/invalid/request-version[02]", "came where only a close is due")]
#[case("reply-port-little-endian", "server/session/port-announced[TCP_RR]", "its two bytes are swapped")]
#[case(
    "client-numbers-tests-otherwise",
    "client/session/request[TCP_RR]",
    "byte 2 (test_type) is 03 instead of 02"
)]
#[case("ctrl-c-traceback", "server/interrupt/idle", "'Exiting Server' does not stand in the output")]
#[case("unknown-option-ignored", "command/unknown-option", "NOT AS EXPECTED in step 1, 'exits'")]
fn a_mutant_is_found_wrong(#[case] fault: &str, #[case] case: &str, #[case] words: &str) {
    if !(there_is("python3") && there_are_networks(&LOOPBACK)) {
        return;
    }
    let (_folder, file) = script(case, &[]);
    let play = || {
        let mut script = in_own_network("sh");
        script.args(["-c", &format!("{} && exec \"$@\"", LOOPBACK.join(" ")), "sh", "python3"]);
        script.arg(&file).arg("--").arg(mutant()).arg(format!("--fault={fault}")).output().unwrap()
    };
    let output = again_while(|output| output.status.code() == Some(NOT_SURE), play);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\nNOT AS EXPECTED in step ") && said.contains(words), "{said}");
}

/// A server that the user has started. Checks that need a start by the script are left out.
#[test]
fn a_server_that_runs_is_played_to() {
    if !there_is("python3") {
        return;
    }
    let (_folder, file) = script("server/session/data-thread-opening", &[]);
    let port = free_port();
    on_port(&file, port);
    let mut server =
        Command::new(built("tester")).args(["--server", "--port", &port.to_string()]).spawn().unwrap();
    // The script refuses to begin until something listens, with status 2.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let output = loop {
        let output = Command::new("python3").arg(&file).output().unwrap();
        if output.status.code() != Some(2) || std::time::Instant::now() > deadline {
            break output;
        }
    };
    server.kill().unwrap();
    server.wait().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Left out: prints: only seen where this script starts your program"), "{said}");
}

/// Wrong calls, and the error of each.
#[rstest]
#[case::no_server("server/session/listens", &[], 2, "Start your server first:\n    ./tester --server\n")]
#[case::no_program("command/help", &[], 2, "name it, and it is started as in\n    python3")]
#[case::help("command/help", &["--help"], 0, "Exit status: 0 as expected, 1 not")]
#[case::stray("command/help", &["./tester"], 2, "starts your program itself:\n        ./tester --help")]
fn a_wrong_call_is_told(#[case] case: &str, #[case] args: &[&str], #[case] code: i32, #[case] words: &str) {
    if !there_is("python3") {
        return;
    }
    let (_folder, file) = script(case, &[]);
    on_port(&file, free_port());
    let output = Command::new("python3").arg(&file).args(args).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
}

/// Every case of the suite gives a script that Python can read. What it leaves out is listed in the script and on the
/// terminal.
#[test]
fn every_case_makes_a_script() {
    let list = runner().arg("--list").assert().success();
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    let catalogue = catalogue();
    let tolerances = conformance::model::tolerance::Tolerances::default();
    let library = conformance::fixture::Library::load(&[]).unwrap();
    let cases = library.cases(&catalogue, &tolerances).unwrap();
    assert_eq!(cases.len(), list.lines().count());
    let folder = tempfile::tempdir().unwrap();
    for (index, case) in cases.iter().enumerate() {
        let script = conformance::commands::reproduce::script(case, &catalogue, &tolerances, "case.py");
        for line in &script.left_out {
            assert!(script.text.contains(&serde_json::to_string(line).unwrap()), "{}: {line}", case.id);
        }
        assert!(script.text.lines().any(|line| line.contains("dict(") || line.contains("# left out")));
        fs::write(folder.path().join(format!("case_{index}.py")), script.text).unwrap();
    }
    if there_is("python3") {
        let output = Command::new("python3")
            .args(["-W", "error", "-m", "compileall", "-q"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// A case with something that a script cannot do.
#[test]
fn what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let assert = runner()
        .args(["reproduce", "server/abort/200-leak-nothing", "-o"])
        .arg(folder.path().join("case.py"))
        .assert()
        .success();
    let words = "the script leaves out the count of your program's open descriptors and threads";
    assert.stderr(predicate::str::contains(words).and(predicate::str::contains("\n").count(1)));
}

#[rstest]
#[case::many(
    "server/invalid/request-version",
    2,
    "3 cases are called so, name one: server/invalid/request-version[00], "
)]
#[case::none("server/invalid/request-versoin[00]", 4, "did you mean server/invalid/request-version[00]?")]
#[case::nothing_like_it("xyz", 4, "there is no case xyz (--list says all)")]
fn a_name_that_is_not_one_case_is_refused(#[case] name: &str, #[case] code: i32, #[case] words: &str) {
    let assert = runner().args(["reproduce", name]).assert().code(code).stdout("");
    assert.stderr(predicate::str::contains(words).and(predicate::str::contains("\n").count(1)));
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-such-folder").join("case.py");
    runner()
        .args(["reproduce", "command/help", "-o"])
        .arg(&file)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("No such file"));
}

/// The part that a student reads and edits.
#[rstest]
#[case("server/invalid/request-version[02]")]
#[case("server/abort/200-leak-nothing")]
#[case("client/session/data-thread")]
#[case("client/segmentation/results-cut[3+7]")]
#[case("client/connect/host-name")]
#[case("command/test-rejected[misspelt]")]
#[case("data/server/count[1000]")]
#[case("data/client/udp-stream-loss")]
fn the_steps_read_well(#[case] case: &str) {
    let assert = runner().args(["reproduce", case]).assert().success();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let (head, _) = text.split_once("\n# What the stack traces").unwrap();
    let imports = "import os\nimport pty\nimport random\nimport re\nimport select\nimport shlex\nimport signal\nimport socket\n\
                   import struct\nimport subprocess\nimport sys\nimport threading\nimport time\n";
    insta::assert_snapshot!(case.replace(['/', '[', ']', '+'], "-"), head.replace(imports, "import ...\n"));
}
