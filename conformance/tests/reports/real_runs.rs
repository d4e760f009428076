//! Every format from the real runner: one run of a target that prints what it should not and ends at
//! once, reported in all of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::schema::assert_valid;
use crate::support::{Tap, assert_junit_is_valid, assert_tap_is, conformance};

/// Bytes that are not UTF-8, a colour, markup, the end of a CDATA section, a workflow command, a line of TAP.
const TARGET: &str = "#!/bin/sh\nprintf '\\377\\033[31m<b>]]>&\\n::error::pwned\\nok 1 - pwned\\n'\nexit 1\n";

/// How long to wait for a case to begin on a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(60);

struct Run {
    folder: TempDir,
    stdout: String,
}

impl Run {
    fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.folder.path().join(name)).unwrap()).unwrap()
    }
}

/// The run is made once for all tests of this file.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let target = executable(&path("target"), TARGET);
        fs::write(path("summary.md"), "what another step wrote\n").unwrap();
        let mut command = conformance();
        command.arg("--quiet").arg("--target-bin").arg(&target);
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
            command.arg("--report").arg(format!("{format}={}", path(name).display()));
        }
        let assert = command
            .args(["--report", "github"])
            .env("GITHUB_STEP_SUMMARY", path("summary.md"))
            .assert()
            .code(1)
            .stderr("");
        let stdout = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        Run { folder, stdout }
    })
}

fn executable(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

#[test]
fn json_is_valid() {
    let report: Value = serde_json::from_str(&run().read("report.json")).unwrap();
    assert_valid("report", &report);
    let stdout = report["cases"][0]["stdout"].as_str().unwrap();
    assert!(stdout.contains("\u{fffd}\u{1b}[31m<b>]]>&"), "{stdout:?}");
}

#[test]
fn jsonl_tells_the_run_as_it_went() {
    let text = run().read("events.jsonl");
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
    let document = run().read("junit.xml");
    assert_junit_is_valid(&document);
    assert!(document.contains("&lt;b&gt;"), "{document}");
}

#[test]
fn the_page_shows_what_the_target_printed_as_text() {
    let page = run().read("report.html");
    assert!(page.contains("\u{fffd}\\u{1b}[31m&lt;b&gt;]]&gt;&amp;"), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
}

#[test]
fn tap_is_read_by_its_parsers() {
    assert_tap_is(Tap { points: 2, failed: 2, todo: 0, skipped: 0 }, &run().read("out.tap"));
}

/// The built-in reference, with a case that is left out.
#[test]
fn tap_of_a_good_run_is_read_by_its_parsers() {
    let assert = conformance()
        .args(["--quiet", "--quick", "--report", "tap", "--case"])
        .args(["server/session/reply*", "command/help", "server/timeout/before-request"])
        .assert()
        .success();
    let document = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert_tap_is(Tap { points: 6, failed: 0, todo: 0, skipped: 1 }, &document);
}

#[test]
fn github_gets_annotations_and_a_summary_behind_that_of_another_step() {
    let Run { stdout, .. } = run();
    assert!(stdout.lines().all(|line| line.starts_with("::error title=")), "{stdout}");
    assert!(stdout.lines().any(|line| line.split("::").nth(1).unwrap().contains("SRV-1")), "{stdout}");
    let summary = run().read("summary.md");
    assert!(summary.starts_with("what another step wrote\n## Conformance of "), "{summary}");
    assert!(summary.contains("&lt;b&gt;]]&gt;&amp;"), "{summary}");
}

#[test]
fn gradescope_gives_no_point() {
    let results: Value = serde_json::from_str(&run().read("results.json")).unwrap();
    let tests = results["tests"].as_array().unwrap();
    assert!(tests.iter().any(|test| test["number"] == "SRV-1" && test["max_score"] == 1.0));
    assert!(tests.iter().all(|test| test["score"] == 0.0), "{results:#}");
}

#[test]
fn a_listing_is_valid() {
    let assert = conformance().args(["--list", "--report", "json"]).assert().success();
    assert_valid("listing", &serde_json::from_slice(&assert.get_output().stdout).unwrap());
}

#[rstest]
fn a_path_that_cannot_be_written_is_refused_before_the_run(
    #[values("human", "json", "jsonl", "junit", "tap", "github", "gradescope", "html")] format: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no-such-folder").join("report");
    let marker = folder.path().join("started");
    let target =
        executable(&folder.path().join("target"), &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    let assert = conformance()
        .arg("--target-bin")
        .arg(target)
        .args([
            "--isolation",
            "host",
            "--case",
            "command/help",
            "--report",
            &format!("{format}={}", path.display()),
        ])
        .assert()
        .code(2)
        .stdout("");
    assert.stderr(
        predicate::str::contains(path.display().to_string()).and(predicate::str::contains("No such file")),
    );
    assert!(!marker.exists(), "the target was started");
}

#[test]
fn a_job_summary_that_cannot_be_written_is_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    conformance()
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
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format);
    fs::write(&path, "the last report\n").unwrap();
    let target = executable(&folder.path().join("target"), "no shebang, and no program\n");
    conformance()
        .arg("--target-bin")
        .arg(&target)
        .args(["--case", "command/help", "--report", &format!("{format}={}", path.display())])
        .assert()
        .code(3);
    assert_eq!(fs::read_to_string(&path).unwrap(), "the last report\n");
}

/// A killed run leaves the last whole report, and of the lines that are written as it goes no half of one.
#[test]
fn a_killed_run_leaves_the_last_report_and_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let [json, jsonl] = ["json", "jsonl"].map(|name| folder.path().join(name));
    fs::write(&json, "the last report\n").unwrap();
    fs::write(&jsonl, "the last run's lines\n").unwrap();
    let mut runner = std::process::Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(["--quiet", "--case", "server/timeout/before-request"])
        .arg("--report")
        .arg(format!("json={}", json.display()))
        .arg("--report")
        .arg(format!("jsonl={}", jsonl.display()))
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    // The case waits for 45 s; there is time to see it begin.
    while !fs::read_to_string(&jsonl).unwrap().contains("\"waiting\"") {
        assert!(Instant::now() < deadline, "no case waits after {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(fs::read_to_string(&json).unwrap(), "the last report\n");
    let lines = fs::read_to_string(&jsonl).unwrap();
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
    conformance()
        .args(["--case", "command/help", "--report", "json=/dev/null", "--report", "jsonl=/dev/null"])
        .assert()
        .success();
    assert!(is_device("/dev/null"), "a file stands where the device was");
}
