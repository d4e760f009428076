//! Every format from the real runner: one run of a target that prints hostile text and ends at once.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use assert_cmd::prelude::OutputAssertExt;
use predicates::prelude::*;
use rstest::rstest;
use serde_json::Value;

use super::parsers::{Tap, assert_junit_is_valid, assert_tap_is};
use super::schema::assert_valid;
use crate::support::again::judged;
use crate::support::folder::Folder;
use crate::support::runner::{RUNNER, runner};

/// Bytes that are not UTF-8, a colour, markup, the end of a CDATA section, a workflow command, a line of TAP.
const TARGET: &str = "#!/bin/sh\nprintf '\\377\\033[31m<b>]]>&\\n::error::pwned\\nok 1 - pwned\\n'\nexit 1\n";

/// How long to wait for a case to begin on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

struct Run {
    folder: Folder,
    stdout: String,
}

/// The run is made once for all tests of this file.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder =
            Folder::new().with_program("target", TARGET).with("summary.md", "what another step wrote\n");
        let mut command = runner();
        command.arg("--quiet").arg("--target-bin").arg(folder.at("target"));
        command.args(["--case", "server/session/listens", "command/help"]);
        for (format, name) in [
            ("json", "report.json"),
            ("jsonl", "events.jsonl"),
            ("junit", "junit.xml"),
            ("tap", "out.tap"),
            ("gradescope", "results.json"),
            ("human", "report.txt"),
            ("html", "report.html"),
        ] {
            command.arg("--report").arg(format!("{format}={}", folder.at(name).display()));
        }
        command.args(["--report", "github"]).env("GITHUB_STEP_SUMMARY", folder.at("summary.md"));
        let assert = judged(&mut command).assert().code(1).stderr("");
        let stdout = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        Run { folder, stdout }
    })
}

#[test]
fn json_is_valid() {
    let report: Value = serde_json::from_str(&run().folder.read("report.json")).unwrap();
    assert_valid("report", &report);
    let stdout = report["cases"][0]["stdout"].as_str().unwrap();
    assert!(stdout.contains("\u{fffd}\u{1b}[31m<b>]]>&"), "{stdout:?}");
}

#[test]
fn jsonl_tells_the_run_as_it_went() {
    let text = run().folder.read("events.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert_valid("event", line);
    }
    let told = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((lines[0]["event"].as_str(), told("planned")), (Some("planned"), 1));
    // A failure of time that was seen beside another case is played again, alone.
    let played = 2 + told("again");
    assert_eq!((told("started"), told("finished"), told("ended")), (played, played, 1));
    assert_eq!(lines.last().unwrap()["event"], "ended");
    assert!(lines.windows(2).all(|pair| pair[0]["at_s"].as_f64() <= pair[1]["at_s"].as_f64()), "{text}");
}

#[test]
fn junit_is_valid() {
    let document = run().folder.read("junit.xml");
    assert_junit_is_valid(&document);
    assert!(document.contains("&lt;b&gt;"), "{document}");
}

#[test]
fn the_page_shows_what_the_target_printed_as_text() {
    let page = run().folder.read("report.html");
    assert!(page.contains("\u{fffd}\\u{1b}[31m&lt;b&gt;]]&gt;&amp;"), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
}

#[test]
fn tap_is_read_by_its_parsers() {
    assert_tap_is(Tap { points: 2, failed: 2, todo: 0, skipped: 0 }, &run().folder.read("out.tap"));
}

/// The built-in reference, with a case that is left out.
#[test]
fn tap_of_a_good_run_is_read_by_its_parsers() {
    let mut command = runner();
    command.args(["--quiet", "--quick", "--report", "tap", "--case"]);
    command.args(["server/session/reply*", "command/help", "server/timeout/before-request"]);
    let assert = judged(&mut command).assert().success();
    let document = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert_tap_is(Tap { points: 6, failed: 0, todo: 0, skipped: 1 }, &document);
}

#[test]
fn github_gets_annotations_and_a_summary_behind_that_of_another_step() {
    let Run { stdout, .. } = run();
    assert!(stdout.lines().all(|line| line.starts_with("::error title=")), "{stdout}");
    assert!(stdout.lines().any(|line| line.split("::").nth(1).unwrap().contains("SRV-1")), "{stdout}");
    let summary = run().folder.read("summary.md");
    assert!(summary.starts_with("what another step wrote\n## Conformance of "), "{summary}");
    assert!(summary.contains("&lt;b&gt;]]&gt;&amp;"), "{summary}");
}

#[test]
fn gradescope_gives_no_point() {
    let results: Value = serde_json::from_str(&run().folder.read("results.json")).unwrap();
    let tests = results["tests"].as_array().unwrap();
    assert!(tests.iter().any(|test| test["number"] == "SRV-1" && test["max_score"] == 1.0));
    assert!(tests.iter().all(|test| test["score"] == 0.0), "{results:#}");
}

#[test]
fn a_listing_is_valid() {
    let assert = runner().args(["--list", "--report", "json"]).assert().success();
    assert_valid("listing", &serde_json::from_slice(&assert.get_output().stdout).unwrap());
}

#[rstest]
fn a_path_that_cannot_be_written_is_refused_before_the_run(
    #[values("human", "json", "jsonl", "junit", "tap", "github", "gradescope", "html")] format: &str,
) {
    let folder = Folder::new().with_program("target", "#!/bin/sh\ntouch started\n");
    let report = format!("{format}=no-such-folder/report");
    let args = ["--target-bin=target", "--isolation=host", "--case=command/help", "--report", &report];
    let (status, line) = folder.refused(&args);
    assert_eq!(status, 2);
    assert!(line.contains("no-such-folder/report") && line.contains("No such file"), "{line}");
    assert!(!folder.at("started").exists(), "the target was started");
}

#[test]
fn a_job_summary_that_cannot_be_written_is_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    runner()
        .args(["--case", "command/help", "--report", "github"])
        .env("GITHUB_STEP_SUMMARY", folder.path())
        .assert()
        .code(2)
        .stderr(predicate::str::contains("GITHUB_STEP_SUMMARY"));
}

/// A report of an earlier run is there until the new one is whole.
#[rstest]
fn a_run_that_was_not_carried_out_leaves_the_last_report(
    #[values("human", "json", "junit", "tap", "gradescope", "html")] format: &str,
) {
    let folder = Folder::new().with("report", "the last report\n");
    let folder = folder.with_program("target", "no shebang, and no program\n");
    let report = format!("{format}=report");
    let args = ["--target-bin=target", "--case=command/help", "--report", &report];
    folder.runner().args(args).assert().code(3);
    assert_eq!(folder.read("report"), "the last report\n");
}

/// A killed run leaves the last complete report. Of the lines that are written during the run, none is cut.
#[test]
fn a_killed_run_leaves_the_last_report_and_whole_lines() {
    let folder = Folder::new().with("json", "the last report\n").with("jsonl", "the last run's lines\n");
    let mut runner = std::process::Command::new(RUNNER)
        .args([
            "--quiet",
            "--case",
            "server/timeout/before-request",
            "--report=json=json",
            "--report=jsonl=jsonl",
        ])
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    // The case waits for 45 s; there is time to see it begin.
    while !folder.read("jsonl").contains("\"waiting\"") {
        assert!(Instant::now() < deadline, "no case waits after {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(folder.read("json"), "the last report\n");
    let lines = folder.read("jsonl");
    assert!(lines.ends_with('\n'), "{lines}");
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["event"] != "ended"), "{lines}");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let is_device = |path: &str| {
        use std::os::unix::fs::FileTypeExt;
        fs::metadata(path).unwrap().file_type().is_char_device()
    };
    assert!(is_device("/dev/null"));
    let mut command = runner();
    command.args(["--case", "command/help", "--report", "json=/dev/null", "--report", "jsonl=/dev/null"]);
    judged(&mut command).assert().success();
    assert!(is_device("/dev/null"), "a file stands where the device was");
}
