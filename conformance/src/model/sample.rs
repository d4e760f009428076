//! Failed cases written by hand, for tests.

use std::time::Duration;

use crate::model::case::{Kind, Role};
use crate::model::fault::{Fault, Finding};
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::step::{SignalName, Stream};
use crate::model::transcript::{EndedBy, Event, Exit, Transcript};

/// A failed case: the requirements that fail (the case is evidence for the first one), the arguments, what happened (see
/// [`parse_transcript`]) and what is wrong.
pub(crate) fn failed(id: &str, charged: &str, args: &str, script: &str, fault: Fault) -> CaseRecord {
    let ids: Vec<_> = charged.split_whitespace().map(|id| id.parse().unwrap()).collect();
    let mut transcript = parse_transcript(script);
    let end = transcript.entries.last().map_or(Duration::ZERO, |entry| entry.at);
    transcript.push(end, Event::Finished);
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
        after: 0,
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

/// A transcript in a short notation: events between semicolons or line ends. Each event is a time in milliseconds and
/// what happened.
///
/// `0 step` the next step begins, `0 start`, `5 ready`, `9 exit 1`, `9 killed 11`, `9 signal INT`, `9 finished`;
/// `0 connect`, `1 open`, `1 refused`, `0 accepted 127.0.0.1:5678`, `2 > 01 01` (we sent), `3 < 01 02` (came),
/// `4 eof` and `4 rst` (theirs), `5 shutdown`, `6 close` and `6 reset` (ours), each with ` on name` behind it
/// where the connection is not `control`; `7 out text`, `7 err text`, `8 ports announced` or `swapped`,
/// `8 holds 5 3` (descriptors and threads). A line end in a text is `\\n`.
pub(crate) fn parse_transcript(script: &str) -> Transcript {
    let mut transcript = Transcript::default();
    let mut steps = 0..;
    // A semicolon in a text ends no event: no time follows it.
    let begins = |piece: &str| piece.trim_start().chars().next().is_none_or(|first| first.is_ascii_digit());
    for line in script.lines() {
        let mut pieces: Vec<String> = Vec::new();
        for piece in line.split(';') {
            match pieces.last_mut() {
                Some(before) if !begins(piece) => before.extend([";", piece]),
                _ => pieces.push(piece.to_owned()),
            }
        }
        for event in pieces.iter().map(|piece| piece.trim()).filter(|piece| !piece.is_empty()) {
            let (at, what) = event.split_once(' ').unwrap();
            transcript.push(Duration::from_millis(at.parse().unwrap()), self::event(what, &mut steps));
        }
    }
    transcript
}

fn event(words: &str, steps: &mut impl Iterator<Item = usize>) -> Event {
    let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
    // A text of the target may contain anything.
    match kind {
        "out" => return Event::Output { stream: Stream::Stdout, text: rest.replace("\\n", "\n") },
        "err" => return Event::Output { stream: Stream::Stderr, text: rest.replace("\\n", "\n") },
        _ => {}
    }
    let (rest, on) = match rest.strip_prefix("on ") {
        Some(name) => ("", name),
        None => rest.split_once(" on ").unwrap_or((rest, "control")),
    };
    let on = on.to_owned();
    let bytes = || hex::decode(rest.replace(' ', "")).unwrap();
    match kind {
        "step" => Event::Step { index: steps.next().unwrap() },
        "finished" => Event::Finished,
        "start" => Event::Started,
        "ready" => Event::Ready,
        "exit" => Event::Exited(Exit::Status(rest.parse().unwrap())),
        "killed" => Event::Exited(Exit::Signal(rest.parse().unwrap())),
        "signal" if rest == "INT" => Event::Signalled { signal: SignalName::Int },
        "signal" if rest == "TERM" => Event::Signalled { signal: SignalName::Term },
        "connect" => Event::Connecting { on, to: "127.0.0.1:5678".to_owned() },
        "open" => Event::Opened {
            on,
            local: "127.0.0.1:40000".to_owned(),
            peer: "127.0.0.1:5678".to_owned(),
            accepted: false,
        },
        "accepted" => {
            Event::Opened { on, local: rest.to_owned(), peer: "127.0.0.1:40000".to_owned(), accepted: true }
        }
        "refused" if rest.is_empty() => Event::Refused { on, error: "connection refused".to_owned() },
        "refused" => Event::Refused { on, error: rest.to_owned() },
        ">" => Event::sent(&on, &bytes()),
        "<" => Event::Received { on, bytes: bytes() },
        "eof" => Event::Ended { on, by: EndedBy::EndOfFile },
        "rst" => Event::Ended { on, by: EndedBy::Reset },
        "shutdown" => Event::Shutdown { on },
        "close" => Event::Dropped { on, reset: false },
        "reset" => Event::Dropped { on, reset: true },
        "ports" => Event::Ports { announced_open: rest == "announced", swapped_open: rest == "swapped" },
        "holds" => {
            let (descriptors, threads) = rest.split_once(' ').unwrap();
            Event::Resources { descriptors: descriptors.parse().unwrap(), threads: threads.parse().unwrap() }
        }
        other => panic!("`{other}` is no event"),
    }
}
