//! Failed cases written by hand, for the tests of what is said about them.

use std::time::Duration;

use crate::model::case::{Kind, Role};
use crate::model::fault::{Fault, Finding};
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::step::{SignalName, Stream};
use crate::model::transcript::{EndedBy, Entry, Event, Exit, Transcript};

/// A failed case: what was charged (the first id is also what the case is about), the arguments, what happened
/// (see [`transcript`]) and what was wrong.
pub(crate) fn failed(id: &str, charged: &str, args: &str, script: &str, fault: Fault) -> CaseRecord {
    let ids: Vec<_> = charged.split_whitespace().map(|id| id.parse().unwrap()).collect();
    let transcript = transcript(script);
    let role = match args.split_whitespace().next() {
        Some("--server") => Role::Server,
        Some("--client") if !id.starts_with("command/") => Role::Client,
        _ => Role::Command,
    };
    CaseRecord {
        id: id.to_owned(),
        summary: "The case's one sentence says what holds when it passes".to_owned(),
        requirements: ids[..1].to_vec(),
        role,
        kind: if role == Role::Command { Kind::Invocation } else { Kind::Control },
        test: None,
        steps: Vec::new(),
        args: args.split_whitespace().map(str::to_owned).collect(),
        outcome: Outcome::Fail,
        charged: ids.clone(),
        duration: Duration::from_secs(1),
        message: Some(fault.to_string()),
        expected: Some(fault.expected()),
        actual: Some(fault.actual()),
        finding: Some(Finding { step: 1, charged: ids, fault }),
        cause: None,
        connection: None,
        why: None,
        leftovers: Vec::new(),
        runs: Vec::new(),
        stdout: transcript.output(Some(Stream::Stdout)),
        stderr: transcript.output(Some(Stream::Stderr)),
        transcript,
    }
}

/// What happened, one event a line: the time in seconds, the connection where it is not `control` (`[second]`),
/// and `start`, `ready`, `connect`, `open`, `accept`, `refused`, `> hex` (we send), `< hex` (we receive), `eof` and
/// `rst` (the target closes), `half`, `close` and `reset` (we do), `int`, `exit N`, `killed N`, `out text`,
/// `err text`.
pub(crate) fn transcript(script: &str) -> Transcript {
    let entries = script.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry);
    Transcript { entries: entries.chain([finished(script)]).collect() }
}

fn finished(script: &str) -> Entry {
    let last = script.lines().rev().find(|line| !line.trim().is_empty()).map_or("0", str::trim);
    Entry { event: Event::Finished, ..entry(&format!("{} ready", last.split(' ').next().unwrap())) }
}

fn entry(line: &str) -> Entry {
    let (time, rest) = line.split_once(' ').unwrap();
    let (on, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("] ").unwrap(),
        None => ("control", rest),
    };
    let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let on = on.to_owned();
    let output = |stream| Event::Output { stream, text: format!("{}\n", value.replace("\\n", "\n")) };
    let opened = |on, accepted| Event::Opened {
        on,
        local: "127.0.0.1:5678".to_owned(),
        peer: "127.0.0.1:40000".to_owned(),
        accepted,
    };
    let event = match word {
        "start" => Event::Started,
        "ready" => Event::Ready,
        "connect" => Event::Connecting { on, to: "127.0.0.1:5678".to_owned() },
        "open" => opened(on, false),
        "accept" => opened(on, true),
        "refused" => Event::Refused { on, error: value.to_owned() },
        ">" => Event::sent(&on, &hex::decode(value.replace(' ', "")).unwrap()),
        "<" => Event::Received { on, bytes: hex::decode(value.replace(' ', "")).unwrap() },
        "eof" => Event::Ended { on, by: EndedBy::EndOfFile },
        "rst" => Event::Ended { on, by: EndedBy::Reset },
        "half" => Event::Shutdown { on },
        "close" => Event::Dropped { on, reset: false },
        "reset" => Event::Dropped { on, reset: true },
        "int" => Event::Signalled { signal: SignalName::Int },
        "exit" => Event::Exited(Exit::Status(value.parse().unwrap())),
        "killed" => Event::Exited(Exit::Signal(value.parse().unwrap())),
        "out" => output(Stream::Stdout),
        "err" => output(Stream::Stderr),
        other => panic!("no event is called {other}"),
    };
    Entry { at: Duration::from_secs_f64(time.parse().unwrap()), event }
}
