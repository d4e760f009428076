//! The documents' seven options, read by hand, and the options of the legal tester itself. Serves main.

use std::time::Duration;

use crate::{
    variants::{self, on},
    wire::Test,
};

/// The port of the control connection.
pub(crate) const CONTROL_PORT: u16 = 5678;

pub(crate) const HELP: &str = "\
usage: tester [--help] [--version] (--client | --server) [options]

  --help           show this help and leave
  --version        show the version and leave
  --client         run as the client
  --server         run as the server
  --test TEST      TCP_STREAM (default), TCP_RR, UDP_STREAM or UDP_RR
  --target HOST    the host that the client contacts (default localhost)
  --time SECONDS   how long the test lasts (default 30)";

/// Which half of the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Client,
    Server,
}

/// What this process does.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    Version,
    Wrong(String),
    Run(Options),
    /// It serves one session. Its standard input is the connection.
    Session(Options),
    /// It is the helper.
    Helper,
}

/// The values of a run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) test: Test,
    pub(crate) target: String,
    pub(crate) time: Duration,
    pub(crate) control_timeout: Duration,
}

/// The options of the legal tester itself.
#[derive(Default)]
struct Own {
    variants: Vec<String>,
    control_timeout: Option<Duration>,
    session: bool,
    helper: bool,
}

/// Reads the command line. `Err`: the exit status.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Asked, u8> {
    let (own, theirs) = take_own(words)?;
    if let Err(reason) = variants::choose(own.variants) {
        eprintln!("{reason}");
        return Err(2);
    }
    if own.helper {
        return Ok(Asked::Helper);
    }
    let asked = match theirs_of(theirs) {
        Ok(asked) => asked,
        Err(reason) => return Ok(Asked::Wrong(format!("usage error: {reason}"))),
    };
    Ok(match asked {
        Asked::Run(mut options) => {
            options.control_timeout = own.control_timeout.unwrap_or(options.control_timeout);
            if own.session { Asked::Session(options) } else { Asked::Run(options) }
        }
        asked => asked,
    })
}

fn take_own(mut words: impl Iterator<Item = String>) -> Result<(Own, Vec<String>), u8> {
    let mut own = Own::default();
    let mut theirs = Vec::new();
    while let Some(word) = words.next() {
        let (name, inline) = split(&word);
        let mut value = || inline.clone().or_else(|| words.next()).unwrap_or_default();
        match name.as_str() {
            "--list-variants" => {
                print!("{}", variants::TABLE);
                return Err(0);
            }
            "--variant" => own.variants.push(value()),
            "--control-timeout" => {
                let seconds = value().parse().ok().and_then(|text| Duration::try_from_secs_f64(text).ok());
                own.control_timeout = Some(seconds.ok_or(2)?);
            }
            "--serve-stdin" => own.session = true,
            "--be-helper" => own.helper = true,
            _ => theirs.push(word),
        }
    }
    Ok((own, theirs))
}

fn split(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
        _ => (word.to_owned(), None),
    }
}

const NAMES: [&str; 7] = ["--help", "--version", "--client", "--server", "--test", "--target", "--time"];

fn theirs_of(words: Vec<String>) -> Result<Asked, String> {
    let (mut client, mut server) = (false, false);
    let (mut test, mut target, mut time) = (None, None, None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (typed, inline) = split(&word);
        let name = known(&typed)?;
        if NAMES[..4].contains(&name) && inline.is_some() {
            return Err(format!("{name} takes no value"));
        }
        let mut value = || inline.clone().or_else(|| words.next()).ok_or(format!("{name} needs a value"));
        match name {
            "--help" => return Ok(Asked::Help),
            "--version" => return Ok(Asked::Version),
            "--client" => client = true,
            "--server" => server = true,
            "--test" => test = Some(value()?),
            "--target" => target = Some(value()?),
            _ => time = Some(value()?),
        }
    }
    let name = test.unwrap_or_else(|| "TCP_STREAM".to_owned());
    let test = Test::named(&name).ok_or(format!("there is no test {name:?}"))?;
    let time = seconds(&time.unwrap_or_else(|| "30".to_owned()))?;
    let mode = match (client, server) {
        (true, true) => return Err("--client and --server exclude each other".to_owned()),
        (true, false) => Mode::Client,
        (false, true) => Mode::Server,
        (false, false) => return Err("one of --client and --server is needed".to_owned()),
    };
    if target.is_some() && mode == Mode::Server {
        return Err("--target is the client's".to_owned());
    }
    let target = target.unwrap_or_else(|| "localhost".to_owned());
    let control_timeout = Duration::from_secs(45);
    Ok(Asked::Run(Options { mode, test, target, time, control_timeout }))
}

/// The option for what was typed. With the variant, its beginning is enough, as in argparse.
fn known(typed: &str) -> Result<&'static str, String> {
    let unknown = format!("there is no option {typed:?}");
    if let Some(name) = NAMES.iter().find(|name| **name == typed) {
        return Ok(name);
    }
    let mut candidates = NAMES.iter().filter(|name| name.starts_with(typed));
    match (candidates.next(), candidates.next()) {
        (Some(name), None) if on("abbreviations") && typed.len() > 2 => Ok(name),
        _ => Err(unknown),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let digits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = format!("{text:?} is no number of seconds");
    let seconds = text.parse().ok().filter(|_| digits).ok_or(wrong.clone())?;
    if seconds == 0 && on("time-zero-refused") { Err(wrong) } else { Ok(Duration::from_secs(seconds)) }
}
