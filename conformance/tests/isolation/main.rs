//! The isolation and the target, with real namespaces and real processes. This executable is also the runner, the
//! stages of the isolation, the worker and the target. Its name (`argv[0]`) says which.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is a test")]

#[path = "../support/files.rs"]
mod files;
mod machine;
mod network;
mod running;
mod scenarios;
mod starting;
mod targets;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use conformance::model::place::Isolation;
use conformance::stage::isolate;
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

use running::Place;

fn main() -> ExitCode {
    if let Some(code) = isolate::dispatch() {
        return code;
    }
    let args: Vec<String> = env::args().collect();
    if isolate::is_worker() {
        scenarios::play(&args[1..]);
    } else if args[0].starts_with(targets::PREFIX) {
        targets::play(&args[0], &args[1..]);
    } else if args.get(1).is_some_and(|arg| arg == machine::RUNNER) {
        return machine::play_runner(&args[2..]);
    } else {
        return libtest_mimic::run(&Arguments::from_args(), trials()).exit_code();
    }
    ExitCode::SUCCESS
}

/// Where namespaces are refused, only the host's tests run. The others are reported as ignored.
fn trials() -> Vec<Trial> {
    let refused = isolate::probe().err();
    if let Some(error) = &refused {
        eprintln!("no namespaces here, so their tests are ignored: {error}");
    }
    let inside = scenarios::all().map(|(name, _)| {
        let trial = Trial::test(format!("namespace::{name}"), move || in_worker(name, Isolation::Namespace));
        trial.with_ignored_flag(refused.is_some())
    });
    let host = scenarios::ANYWHERE
        .iter()
        .map(|&(name, _)| Trial::test(format!("host::{name}"), move || in_worker(name, Isolation::Host)));
    let machine = machine::ALL.iter().map(|&(name, test)| {
        let trial = Trial::test(format!("machine::{name}"), move || {
            test();
            Ok(())
        });
        trial.with_ignored_flag(refused.is_some())
    });
    inside.chain(host).chain(machine).collect()
}

/// Plays a scenario in a worker. Its output and its exit status are the test's outcome. In a namespace the real disk
/// must not change.
fn in_worker(scenario: &str, isolation: Isolation) -> Result<(), Failed> {
    let folders = Folders::new();
    let command = worker(scenario, isolation, &folders).stdin(Stdio::null()).output();
    let output = command.expect("a worker");
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the worker ended with {}:\n{told}", output.status).into());
    }
    if isolation == Isolation::Namespace {
        folders.expect_unchanged();
    }
    Ok(())
}

/// A command that plays `scenario` in a worker.
fn worker(scenario: &str, isolation: Isolation, folders: &Folders) -> Command {
    let mut command = isolate::worker_command(isolation).expect("dispatched");
    command.args([scenario, &isolation.to_string()]).args(folders.both());
    command
}

/// Folders on the real disk for one worker.
struct Folders {
    cwd: TempDir,
    tmp: TempDir,
}

impl Folders {
    fn new() -> Folders {
        let tmp = tempfile::tempdir_in("/tmp").expect("a folder in /tmp");
        // Not in /tmp, if possible: in the build's own folder.
        let cwd = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).or_else(|_| tempfile::tempdir_in("/tmp"));
        let folders = Folders { cwd: cwd.expect("a folder"), tmp };
        for folder in folders.both() {
            fs::write(folder.join(Place::FILE), Place::CONTENT).expect("written");
        }
        folders
    }

    fn both(&self) -> [&Path; 2] {
        [self.cwd.path(), self.tmp.path()]
    }

    fn expect_unchanged(&self) {
        for folder in self.both() {
            let files: Vec<PathBuf> =
                fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry").path()).collect();
            let expected: Vec<PathBuf> = files
                .iter()
                .filter(|path| path.ends_with(Place::FILE) || path.ends_with(Place::COPY))
                .cloned()
                .collect();
            assert_eq!(files, expected, "something was written to the real disk");
            assert_eq!(fs::read_to_string(folder.join(Place::FILE)).expect("read"), Place::CONTENT);
        }
    }
}
