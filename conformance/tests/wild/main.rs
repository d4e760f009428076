//! Wild targets: each gives a verdict and not a broken run, and none of its processes is alive afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has failed, and says so at the right line"
)]

#[path = "../support/again.rs"]
mod again;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/installed.rs"]
mod installed;
#[path = "../support/json.rs"]
mod json;
#[path = "../support/machine.rs"]
mod machine;
#[path = "../support/paths.rs"]
mod paths;
#[path = "../support/runner.rs"]
mod runner;
#[path = "../support/said.rs"]
mod said;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use rstest::rstest;

use again::{is_unsure, judged};
use files::put;
use installed::there_is;
use json::json;
use machine::{machine, shared_machine};
use paths::in_crate;
use runner::runner;

/// A script that does something wild when it is started as a server.
fn wild(folder: &tempfile::TempDir, what: &str) -> PathBuf {
    let path = folder.path().join("tester");
    put(&path, 0o755, format!("#!/bin/sh\n{what}\n"));
    path
}

/// Whether a process whose command line holds `mark` is alive anywhere on this machine.
fn alive(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).any(|line| line.contains(mark))
}

/// The report of a target that takes little. Other programs load the machine too: if it could not be judged, it is
/// graded once more, alone.
fn report(target: &Path) -> serde_json::Value {
    let mut command = grading(target);
    let beside_others = {
        let _shared = shared_machine();
        command.output().unwrap()
    };
    if !is_unsure(&beside_others) {
        return json(&beside_others);
    }
    let _alone = machine();
    json(&judged(&mut command))
}

/// How long the processors are measured.
const LOOK: Duration = Duration::from_millis(300);

/// Whether other programs use more than half of the processors while no target runs. Once a target takes the whole
/// machine, the two cannot be separated.
fn others_are_busy() -> bool {
    let idle_and_all = || {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let ticks: Vec<u64> = stat
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|count| count.parse().unwrap())
            .collect();
        // proc(5): the fourth figure is the idle time of the processors.
        (ticks[3], ticks.iter().sum::<u64>())
    };
    let (idle_before, all_before) = idle_and_all();
    std::thread::sleep(LOOK);
    let (idle, all) = idle_and_all();
    (idle - idle_before) * 2 < all - all_before
}

fn grading(target: &Path) -> Command {
    let mut command = runner();
    command.arg("--target-bin").arg(target);
    command.args(["--case", "server/session/listens", "server/interrupt/idle", "command/version"]);
    command.args(["--startup=1s", "--patience=1s", "--quiet", "--report=json"]);
    command
}

fn grade(target: &Path) -> serde_json::Value {
    json(&grading(target).output().unwrap())
}

fn outcome(report: &serde_json::Value, id: &str) -> serde_json::Value {
    let records = report["requirements"].as_array().unwrap();
    records.iter().find(|record| record["id"] == id).map(|record| record["outcome"].clone()).unwrap()
}

/// `MARK` is a number of seconds for which no other process sleeps.
#[rstest]
#[case::exits_at_once("exit 0", "98001")]
#[case::exits_with_an_error("echo boom >&2; exit 7", "98002")]
#[case::never_listens("exec sleep MARK", "98003")]
#[case::leaves_a_child_behind("sleep MARK & exit 0", "98004")]
#[case::leaves_a_child_in_another_session("setsid sleep MARK & sleep MARK", "98005")]
#[case::prints_without_end("sleep MARK & exec yes a-line-that-never-ends", "98006")]
#[case::ignores_signals("trap '' INT TERM HUP; sleep MARK; sleep MARK", "98007")]
#[case::fills_the_disk("sleep MARK & exec cat /dev/zero > ./zeros", "98008")]
#[case::closes_its_output("exec >&- 2>&-; sleep MARK", "98009")]
#[case::forks_again_and_again("f() { while :; do sleep MARK & done; }; f", "98010")]
#[case::spins_to_escape(
    "i=0; while [ $i -lt 60 ]; do (while :; do :; done) & i=$((i+1)); done; sleep MARK",
    "98012"
)]
#[case::kills_everyone("trap '' TERM; kill -TERM -1; sleep MARK", "98011")]
fn a_wild_target_ends_as_a_verdict(#[case] what: &str, #[case] mark: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = wild(&folder, &what.replace("MARK", mark));
    // An endless loop in a shell takes the whole machine.
    let (report, others_are_busy) = match what.contains("while :") {
        true => {
            let _machine = machine();
            let busy = others_are_busy();
            (grade(&target), busy)
        }
        false => (report(&target), false),
    };
    let outcome = |id: &str| outcome(&report, id);
    // Its own load excuses nothing. The load of other programs may make a judgement of time unsure.
    let failed = |id: &str| outcome(id) == "fail" || (others_are_busy && outcome(id) == "inconclusive");
    assert!(failed("SRV-1"), "{}", outcome("SRV-1"));
    // Not judged, because the server never listened. On a busy machine that may stay unsure.
    assert!(["skip", "inconclusive"].map(serde_json::Value::from).contains(&outcome("SIG-1")));
    assert!(failed("CLI-2"), "the rest of the cases is judged: {}", outcome("CLI-2"));
    assert!(!alive(&format!("sleep {mark}")), "something of the target is still alive");
    assert!(!folder.path().join("zeros").exists(), "the real disk was written to");
}

/// A target that breaks its worker ends only its own cases: the run goes on, and its report is written.
#[test]
fn one_that_breaks_its_worker_ends_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let target = wild(
        &folder,
        r#"[ "$1" = --version ] && { echo 1.0; exit 0; }
           for pid in 1 $PPID; do prlimit --pid $pid --nofile=0:0 --cpu=0:0; done
           sleep 98013"#,
    );
    let report = {
        let _machine = machine();
        grade(&target)
    };
    // Without the program prlimit nothing breaks, and the server only does not listen.
    assert!(["error", "fail"].map(serde_json::Value::from).contains(&outcome(&report, "SRV-1")));
    assert_eq!(outcome(&report, "CLI-2"), "pass");
    assert!(!alive("sleep 98013"), "something of the target is still alive");
}

/// A right server that takes 300 MiB and 40 threads at its start, and half a second of processor time.
const BIG: &str = r#"
import os, sys, threading, time, runpy
if "--server" in sys.argv:
    ballast = bytearray(b"x") * (300 << 20)
    for _ in range(40):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    began = time.process_time()
    while time.process_time() < began + 0.5:
        pass
sys.argv[0] = os.environ.get("PEER", "PEER_PATH")
runpy.run_path("PEER_PATH", run_name="__main__")
"#;

/// The runner itself starts many of them at once: this load is not charged to the target.
#[test]
fn a_server_with_a_big_start_passes() {
    if !there_is("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let peer = in_crate("tests/peers/tester.py");
    let path = folder.path().join("big.py");
    fs::write(&path, BIG.replace("PEER_PATH", peer.to_str().unwrap())).unwrap();
    let mut command = runner();
    command.arg(format!("--target-cmd=python3 {}", path.display()));
    command.args(["--requirement", "SRV-1", "INV-1", "--quick", "--quiet", "--report=json"]);
    let output = {
        let _machine = machine();
        command.output().unwrap()
    };
    let report = json(&output);
    for id in ["SRV-1", "INV-1"] {
        assert_eq!(outcome(&report, id), "pass", "{}", String::from_utf8_lossy(&output.stderr));
    }
}
