//! The runner's own two roles as a tester: its server for clients, and its client for
//! servers. Each plays the conversation beside this file. The test `grading` grades it like any other target, so
//! that the runner itself does nothing that it would charge to a target.
//!
//! It does only what the conversation says: no data thread, no timeout, no Ctrl-C.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conformance::fixture::cases_of;
use conformance::judge;
use conformance::judge::Verdict;
use conformance::model::case::Case;
use conformance::model::place::Isolation;
use conformance::model::requirement::Catalogue;
use conformance::model::tolerance::Tolerances;
use conformance::play::{self, Process, Update};
use conformance::stage::target::Launch;

/// The target of the conversation, in place of this program's peer: a program that runs until it is ended.
const BYSTANDER: [&str; 2] = ["sleep", "infinity"];

/// More sessions than any of its cases begins.
const SESSIONS: u32 = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match play(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("scripted: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn play(arguments: &[String]) -> Result<(), String> {
    let text = match arguments.iter().any(|argument| argument == "--server") {
        true => server(),
        false => client(arguments)?,
    };
    let tolerances = Tolerances::default();
    let case = read(&text, &tolerances)?;
    let launch = Launch {
        program: PathBuf::from(BYSTANDER[0]),
        arg0: None,
        args: vec![OsString::from(BYSTANDER[1])],
        cwd: Path::new("/").to_owned(),
        isolation: Isolation::Namespace,
        yields: false,
    };
    let played = play::play(&case, &tolerances, (&launch, Process::Own), 0, &mut |_: Update<'_>| ())
        .map_err(|error| error.to_string())?;
    match judge::judge(&case, &tolerances, &played.transcript) {
        Verdict::Pass => Ok(()),
        Verdict::Fail(finding) => Err(finding.fault.to_string()),
        Verdict::Unfinished { step } => Err(format!("step {step} was not finished")),
    }
}

/// The server's conversation, with its steps once for each session.
fn server() -> String {
    let text = include_str!("server.toml");
    let steps = text.find("\n[[step]]").unwrap_or(text.len());
    let (head, steps) = text.split_at(steps);
    let sessions = (1..=SESSIONS).map(|number| steps.replace("NUMBER", &number.to_string()));
    [head.to_owned()].into_iter().chain(sessions).collect()
}

/// The client's conversation, with the test and the time of the command line.
fn client(arguments: &[String]) -> Result<String, String> {
    let value = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name));
    let test_type = match value("--test=").unwrap_or("TCP_STREAM") {
        "TCP_STREAM" => "01",
        "TCP_RR" => "02",
        "UDP_STREAM" => "03",
        "UDP_RR" => "04",
        other => return Err(format!("there is no test {other}")),
    };
    let seconds: u32 = value("--time=").unwrap_or("30").parse().map_err(|_| "--time is a whole number")?;
    let text = include_str!("client.toml").replace("TT", test_type);
    Ok(text.replace("SECONDS", &format!("{seconds}s")))
}

fn read(text: &str, tolerances: &Tolerances) -> Result<Case, String> {
    let catalogue = Catalogue::built_in().map_err(|error| error.to_string())?;
    let cases = cases_of("scripted", "scripted", text, &catalogue, tolerances);
    let mut cases = cases.map_err(|error| error.to_string())?;
    cases.pop().ok_or_else(|| "the conversation has no case".to_owned())
}
