//! Seen from outside: several namespaces at once, exit statuses, and a runner that is killed.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conformance::model::place::Isolation;
use conformance::stage::isolate;
use conformance::stage::isolate::STAGE_FAILED;

use crate::running::{Place, SOON};
use crate::scenarios::{Scenario, a_target_finds_itself_as_from_a_shell};
use crate::{Folders, worker};

/// First argument of this executable as a runner: it plays one scenario and exits with its status.
pub(crate) const RUNNER: &str = "as-a-runner";

pub(crate) const ALL: &[(&str, fn())] = &[
    ("two namespaces have the port at once", two_namespaces_have_the_port_at_once),
    ("an exit status is passed on", an_exit_status_is_passed_on),
    ("outside of a namespace nothing is arranged", outside_of_a_namespace_nothing_is_arranged),
    ("a killed runner takes everything along", a_killed_runner_takes_everything_along),
    (
        "a killed runner on the host takes the target along",
        a_killed_runner_on_the_host_takes_the_target_along,
    ),
    ("a target does not inherit ignored signals", a_target_does_not_inherit_ignored_signals),
];

/// Scenarios that are no test by themselves.
pub(crate) const SCENARIOS: &[(&str, Scenario)] = &[
    ("hold the port", hold_the_port),
    ("linger", linger),
    ("look", a_target_finds_itself_as_from_a_shell),
    ("fail", |_| std::process::exit(7)),
];

/// `args`: scenario, isolation, working directory, another folder, more.
pub(crate) fn play_runner(args: &[String]) -> ExitCode {
    let isolation = if args[1] == "host" { Isolation::Host } else { Isolation::Namespace };
    let status =
        isolate::worker_command(isolation).expect("dispatched").args(args).status().expect("a worker");
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

fn hold_the_port(place: &Place) {
    place.enter();
    let _held = TcpListener::bind("0.0.0.0:5678").expect("the port");
    println!("held");
    stdout().flush().expect("flushed");
    stdin().read_to_end(&mut Vec::new()).expect("the end");
}

/// Runs until it is killed. The target has the last argument, by which the test finds it.
fn linger(place: &Place) {
    place.enter();
    let mut running = place.start("sleep", &[place.more.last().expect("a token")]);
    running.until("sleeping");
    println!("lingering");
    stdout().flush().expect("flushed");
    running.exit();
}

fn two_namespaces_have_the_port_at_once() {
    let mut holders: Vec<(Child, Folders)> = (0..2)
        .map(|_| {
            let folders = Folders::new();
            let mut command = worker("hold the port", Isolation::Namespace, &folders);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a worker");
            expect_line(&mut child, "held");
            (child, folders)
        })
        .collect();
    for (child, _) in &mut holders {
        assert_eq!(child.try_wait().unwrap(), None, "it let go of the port");
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

fn an_exit_status_is_passed_on() {
    for isolation in [Isolation::Namespace, Isolation::Host] {
        let status = worker("fail", isolation, &Folders::new()).status().unwrap();
        assert_eq!(status.code(), Some(7), "{isolation}");
    }
}

fn outside_of_a_namespace_nothing_is_arranged() {
    let refused = isolate::prepare_inside("/".as_ref(), &[]).expect_err("it is outside");
    assert_eq!(refused.to_string(), "not inside a namespace of our own");
    assert_ne!(i32::from(STAGE_FAILED), 0);
}

fn a_killed_runner_takes_everything_along() {
    expect_gone_with_the_runner("namespace");
}

fn a_killed_runner_on_the_host_takes_the_target_along() {
    expect_gone_with_the_runner("host");
}

fn expect_gone_with_the_runner(isolation: &str) {
    let folders = Folders::new();
    let token = format!("lingering-{isolation}-{}", std::process::id());
    let mut runner = Command::new(env::current_exe().unwrap())
        .args([RUNNER, "linger", isolation])
        .args(folders.both())
        .arg(&token)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    expect_line(&mut runner, "lingering");
    assert!(!with_argument(&token).is_empty());
    runner.kill().unwrap();
    runner.wait().unwrap();
    // The kernel kills them one after the other. There is no event for the last one.
    let deadline = Instant::now() + SOON;
    while let [first, ..] = with_argument(&token)[..] {
        assert!(Instant::now() < deadline, "process {first} outlives the runner");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A shell in the background starts programs so that they ignore Ctrl-C.
fn a_target_does_not_inherit_ignored_signals() {
    for isolation in ["namespace", "host"] {
        let folders = Folders::new();
        let output = Command::new("/bin/sh")
            .args(["-c", r#"trap "" INT TERM QUIT; exec "$@""#, "sh"])
            .arg(env::current_exe().unwrap())
            .args([RUNNER, "look", isolation])
            .args(folders.both())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn expect_line(child: &mut Child, expected: &str) {
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let mut reader = BufReader::new(stdout);
    reader.read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), expected);
    child.stdout = Some(reader.into_inner());
}

/// Living processes with `argument` among their arguments. This process does not have it, and a zombie has none.
fn with_argument(argument: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("listed").flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|word| word == argument.as_bytes())
    };
    processes.filter_map(number).filter(has).collect()
}
