//! Ctrl-C on the runner, seen on its terminal: the reports show the finished cases.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::runner::RUNNER;

/// The longest wait here, also for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines on a terminal, as they come.
fn lines_of(mut terminal: File) -> Receiver<String> {
    let (teller, told) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Reading the terminal fails when no process has it open any longer.
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            if teller.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    told
}

fn wait_for(told: &Receiver<String>, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = String::new();
    while !seen.contains(text) {
        let remaining = deadline.saturating_duration_since(Instant::now());
        match told.recv_timeout(remaining) {
            Ok(more) => seen.push_str(&more),
            Err(error) => panic!("{error}: no `{text}` in {seen:?}"),
        }
    }
}

/// One case is finished. The other would wait for an hour.
#[rstest]
#[case::ctrl_c(Signal::SIGINT)]
#[case::terminate(Signal::SIGTERM)]
fn an_interrupted_run_reports_what_was_finished(#[case] signal: Signal) {
    let folder = Folder::new()
        .with_program("tester", "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.0 && exit\nexec sleep 3600\n");
    let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut runner = Command::new(RUNNER)
        .args(["--target-bin=tester", "--startup=1h", "--jobs=2"])
        .args([
            "--case=command/version",
            "--case=server/session/listens",
            "--report=json=out.json",
            "--report=human",
        ])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(terminal.slave)
        .spawn()
        .unwrap();
    let told = lines_of(File::from(terminal.master));
    wait_for(&told, "1/2 cases");
    wait_for(&told, "waiting for the server to listen in SRV-1 (server/session/listens), 35");
    let interrupted = Instant::now();
    kill(Pid::from_raw(runner.id().cast_signed()), signal).unwrap();
    let mut human = String::new();
    runner.stdout.take().unwrap().read_to_string(&mut human).unwrap();
    let status = runner.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(130), None));
    assert!(interrupted.elapsed() < PATIENCE);

    let report: Value = serde_json::from_str(&folder.read("out.json")).unwrap();
    let cases: Vec<_> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            [&case["id"], &case["outcome"], &case["message"]]
                .map(|text| text.as_str().unwrap_or("-").to_owned())
        })
        .collect();
    let wanted =
        [["command/version", "pass", "-"], ["server/session/listens", "skip", "the run was interrupted"]];
    assert_eq!(cases, wanted);
    assert!(human.contains("the run was interrupted"), "{human}");
}
