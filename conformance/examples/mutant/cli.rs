//! The documents' seven options, and the mutant's own three. Serves main.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, builder::PossibleValuesParser, error::ErrorKind};

use crate::{
    crash, faults,
    faults::fault,
    output::say,
    wire::{self, TestType},
};

/// The port of the control connection.
pub(crate) const CONTROL_PORT: u16 = 5678;

/// Which half of the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Client,
    Server,
}

/// The values of the command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// As typed. The client turns it into a [`TestType`].
    pub(crate) test: String,
    /// Whether `--test` was given (a server should ignore it).
    pub(crate) test_was_given: bool,
    pub(crate) target: String,
    pub(crate) time: Duration,
    /// Whether `--time` was given (a server should ignore it).
    pub(crate) time_was_given: bool,
    /// The server's timeout for a silent control connection.
    pub(crate) control_timeout: Duration,
}

/// Reads the command line. `Err`: the exit status, after it has printed help, the version or a usage error.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Options, ExitCode> {
    let (own, theirs) = take_own_options(arguments)?;
    if theirs.iter().skip(1).any(|word| word.to_string_lossy().contains('=')) && fault("equals-form-unknown")
    {
        return Err(usage("unrecognized argument: an option and its value are two words"));
    }
    let command = command();
    let matches = match command.clone().try_get_matches_from(without_unknown(&command, theirs)) {
        Ok(matches) => matches,
        Err(error) => return Err(leave(&error)),
    };
    options(&matches, own)
}

fn command() -> Command {
    let tests = wire::TESTS.map(|(name, _)| name);
    let any_test = fault("test-takes-anything")
        || fault("test-checked-after-connecting")
        || fault("test-typo-traceback")
        || fault("test-typo-exits-0");
    let test = Arg::new("test")
        .long("test")
        .value_name("TEST")
        .ignore_case(fault("test-ignores-case"))
        .default_value(if fault("default-test-tcp-rr") { "TCP_RR" } else { "TCP_STREAM" });
    let test = if any_test { test } else { test.value_parser(PossibleValuesParser::new(tests)) };
    let target = Arg::new("target").long("target").value_name("HOST").help("Host that the client contacts");
    let target = match () {
        () if fault("target-has-no-default") => target.required_if_eq("client", "true"),
        () if fault("default-target-elsewhere") => target.default_value("198.51.100.1"),
        () => target.default_value("localhost"),
    };
    let time = Arg::new("time").long("time").value_name("SECONDS").allow_hyphen_values(true);
    Command::new("tester")
        .about("Network tester")
        .version(if fault("version-without-number") { "(latest)" } else { "1.0" })
        .disable_version_flag(fault("no-version-option"))
        .disable_help_flag(fault("no-help-option"))
        .arg(test.help("Kind of test"))
        .arg(target)
        .arg(
            time.default_value(if fault("default-time-10") { "10" } else { "30" })
                .hide(fault("help-forgets-time"))
                .help("Duration of the test in seconds"),
        )
        .arg(Arg::new("client").long("client").action(ArgAction::SetTrue).help("Run as the client"))
        .arg(Arg::new("server").long("server").action(ArgAction::SetTrue).help("Run as the server"))
        .mut_args(|option| {
            let takes_value = option.get_id() != "client" && option.get_id() != "server";
            option.require_equals(takes_value && fault("space-form-unknown"))
        })
        .group(
            ArgGroup::new("mode")
                .args(["client", "server"])
                .multiple(fault("both-modes-serve") || fault("both-modes-ask"))
                .required(
                    !fault("no-mode-serves") && !fault("no-mode-exits-0") && !fault("target-implies-client"),
                ),
        )
}

/// Checks the documents' options, in the order in which a person would check them.
fn options(matches: &ArgMatches, own: OwnOptions) -> Result<Options, ExitCode> {
    let given = |option: &str| matches.value_source(option) == Some(clap::parser::ValueSource::CommandLine);
    let text = |option: &str| matches.get_one::<String>(option).cloned().unwrap_or_default();
    let (client, server) = (matches.get_flag("client"), matches.get_flag("server"));

    let mode = match (client, server) {
        (true, true) if fault("both-modes-serve") => Mode::Server,
        (true, _) => Mode::Client,
        (false, true) => Mode::Server,
        (false, false) if fault("no-mode-serves") => Mode::Server,
        (false, false) if fault("no-mode-exits-0") && !given("target") => {
            say("Nothing to do: choose --client or --server");
            return Err(ExitCode::SUCCESS);
        }
        (false, false) if fault("target-implies-client") && given("target") => Mode::Client,
        (false, false) => return Err(usage("one of --client and --server is required")),
    };
    if given("target") && !client && !fault("target-with-server") && !fault("target-implies-client") {
        return Err(usage("--target is only allowed with --client"));
    }
    if mode == Mode::Server && given("test") && fault("test-refused-with-server") {
        return Err(usage("--test is only allowed with --client"));
    }
    if mode == Mode::Server && given("time") && fault("time-refused-with-server") {
        return Err(usage("--time is only allowed with --client"));
    }
    let test = text("test");
    if TestType::named(&test).is_none() {
        if fault("test-typo-traceback") {
            crash::traceback(&format!("KeyError: '{test}'"));
        }
        if fault("test-typo-exits-0") {
            say(&format!("Unknown test: {test}"));
            return Err(ExitCode::SUCCESS);
        }
    }
    let time = seconds(&text("time"))?;
    Ok(Options {
        mode,
        test,
        test_was_given: given("test"),
        target: text("target"),
        time,
        time_was_given: given("time"),
        control_timeout: own.control_timeout,
    })
}

/// Whole seconds, from 0 up to what a timer can hold.
fn seconds(text: &str) -> Result<Duration, ExitCode> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(u64::from(seconds)));
    }
    if fault("time-takes-fractions")
        && let Ok(seconds) = text.parse::<f32>()
        && let Ok(time) = Duration::try_from_secs_f32(seconds)
    {
        return Ok(time);
    }
    if fault("time-empty-is-default") && text.is_empty() {
        return Ok(Duration::from_secs(30));
    }
    if fault("time-text-traceback") && !text.is_empty() && text.parse::<f64>().is_err() {
        crash::traceback(&format!("ValueError: invalid literal for int() with base 10: '{text}'"));
    }
    if fault("time-negative-traceback") && text.starts_with('-') {
        crash::traceback("ValueError: sleep length must be non-negative");
    }
    if fault("time-huge-traceback") && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        crash::traceback("OverflowError: timestamp too large to convert to C _PyTime_t");
    }
    Err(usage(&format!("invalid --time '{text}': a whole number of seconds is needed")))
}

/// Drops unknown arguments. Only a fault does that; a right tester refuses them.
fn without_unknown(command: &Command, words: Vec<OsString>) -> Vec<OsString> {
    if !fault("unknown-option-ignored") {
        return words;
    }
    let known = |word: &str| {
        let name = word.trim_start_matches("--").split('=').next().unwrap_or_default();
        ["help", "version"].contains(&name)
            || command.get_arguments().any(|option| option.get_long() == Some(name))
    };
    words
        .into_iter()
        .filter(|word| !word.to_string_lossy().starts_with('-') || known(&word.to_string_lossy()))
        .collect()
}

/// Prints clap's message. Help and version are no errors.
fn leave(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp if fault("help-exits-1") => ExitCode::FAILURE,
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

fn usage(message: &str) -> ExitCode {
    eprintln!("tester: {message}");
    ExitCode::from(2)
}

/// The mutant's own options: a shorter timeout, so that a test need not wait for 45 s.
struct OwnOptions {
    control_timeout: Duration,
}

/// Takes each `--fault NAME`, `--control-timeout SECONDS` and `--list-faults` out of the command line before the
/// documents' options are read, so that no fault of the command line affects them.
fn take_own_options(
    arguments: impl Iterator<Item = OsString>,
) -> Result<(OwnOptions, Vec<OsString>), ExitCode> {
    let mut own = OwnOptions { control_timeout: Duration::from_secs(45) };
    let mut theirs = Vec::new();
    let mut words = arguments;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text, None),
        };
        let mut value = || {
            inline
                .clone()
                .or_else(|| words.next().map(|next| next.to_string_lossy().into_owned()))
                .unwrap_or_default()
        };
        match name.as_str() {
            "--list-faults" => {
                print!("{}", faults::TABLE);
                return Err(ExitCode::SUCCESS);
            }
            "--fault" => faults::choose(&value()).map_err(|message| usage(&message))?,
            "--control-timeout" => {
                let seconds =
                    value().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                own.control_timeout =
                    seconds.ok_or_else(|| usage("--control-timeout needs a number of seconds"))?;
            }
            _ => theirs.push(word),
        }
    }
    Ok((own, theirs))
}
