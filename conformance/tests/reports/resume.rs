//! `conformance grade DIR --resume`: a class whose grading was killed goes on where it ended, and has the same gradebook.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::built::mutant;
use crate::support::folder::Folder;
use crate::support::machine::shared_machine;
use crate::support::runner::RUNNER;
use crate::support::said::said;

/// Several hundred cases in all, each short.
const CASES: [&str; 5] =
    ["--case", "command/*", "server/session/*", "server/invalid/*", "client/session/request*"];

/// A grading gets that far within this time, also on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// How often the progress is read: the runner does not announce it to other processes.
const LOOK: Duration = Duration::from_millis(10);

fn class() -> Folder {
    let program = |fault: &str| format!("#!/bin/sh\nexec {} {fault} \"$@\"\n", mutant().display());
    Folder::new()
        .with_program("class/ada/tester", &program(""))
        .with_program("class/bob/tester", &program("--fault=request-version-unchecked"))
        .with_program("class/cyd/tester", &program("--fault=help-exits-1"))
}

fn grading(class: &Folder, output: &str, further: &[&str]) -> Command {
    let mut command = Command::new(RUNNER);
    command.arg("grade").arg(class.at("class")).arg("--output").arg(class.at(output));
    command.args(["--quick", "--part=p1", "--seed=1"]).args(CASES).args(further);
    command
}

/// How many cases the journals hold.
fn cases_in(journals: &Path) -> usize {
    let files = fs::read_dir(journals).into_iter().flatten().flatten();
    let lines = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    lines.map(|text| text.lines().count().saturating_sub(1)).sum()
}

/// Waits until the journals hold so many cases, and kills the runner.
fn kill_after(count: usize, mut runner: Child, journals: &Path) {
    let until = Instant::now() + SOON;
    while cases_in(journals) < count {
        assert!(runner.try_wait().unwrap().is_none(), "it ended before {count} cases were played");
        assert!(Instant::now() < until, "{count} cases were not played within {SOON:?}");
        thread::sleep(LOOK);
    }
    runner.kill().unwrap();
    runner.wait().unwrap();
}

/// The shares of the class's cases after which the runner is killed.
#[rstest]
#[case::early(1, 20)]
#[case::halfway(1, 2)]
#[case::late(4, 5)]
fn a_killed_grading_goes_on(#[case] share: usize, #[case] of: usize) {
    let _turn = shared_machine();
    let class = class();
    let whole = grading(&class, "whole", &["--quiet"]).output().unwrap();
    assert_eq!(whole.status.code(), Some(1), "{}", said(&whole));
    let all = cases_in(&class.at("whole/journals"));

    let runner = grading(&class, "out", &["--quiet"]).stdout(Stdio::null()).spawn().unwrap();
    kill_after(all * share / of, runner, &class.at("out/journals"));
    let resumed = grading(&class, "out", &["--resume"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(1), "{}", said(&resumed));
    assert_eq!(class.read("out/gradebook.csv"), class.read("whole/gradebook.csv"));
    assert_eq!(resumed.stdout, whole.stdout);
    let stderr = String::from_utf8(resumed.stderr).unwrap();
    let known: usize = stderr
        .lines()
        .find_map(|line| line.split_once(" cases were known")?.0.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{stderr}"));
    assert!(known >= all * share / of, "{known} of {all} were known");

    // What is finished is not played again at all, and another option is another grading.
    let again = grading(&class, "out", &["--resume"]).output().unwrap();
    assert!(said(&again).contains(&format!("{all} of {all} cases were known")), "{}", said(&again));
    let other = grading(&class, "out", &["--resume", "--patience=4s"]).output().unwrap();
    assert!(!said(&other).contains("were known"), "{}", said(&other));
}
