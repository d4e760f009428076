//! A notation for transcripts and steps that is short enough for a cell of a table.
//!
//! A transcript is a list of events between semicolons. Each is a time in milliseconds and the event:
//!
//! `0 step` (the next step begins), `0 start`, `5 ready`, `9 exit 1`, `9 killed 11`, `9 signal INT`, `9 finished`;
//! `0 connect`, `1 open`, `1 refused`, `0 accepted 127.0.0.1:5678`, `2 > 01 01` (we sent), `3 < 01 02` (came),
//! `4 eof` and `4 rst` (theirs), `5 shutdown`, `6 close` and `6 reset` (ours), each followed by ` on name` if the
//! connection is not `control`; `7 out text`, `7 err text`, `8 ports announced` or `swapped`,
//! `8 holds 5 3` (descriptors and threads).

use std::time::Duration;

use crate::fixture::fragment_of;
use crate::judge::{Assessment, Judge, Memory};
use crate::model::case::Case;
use crate::model::requirement::Catalogue;
use crate::model::step::{SignalName, Stream};
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{EndedBy, Event, Exit, Transcript};

/// A case about INV-1 with these steps, written as in a fixture file, with `; ` between two steps.
pub(super) fn case(role: &str, steps: &str) -> Case {
    case_of(role, "1s", steps)
}

/// The same with another `--time` for a client.
pub(super) fn case_of(role: &str, time: &str, steps: &str) -> Case {
    let steps: Vec<_> = steps.split("; ").map(|step| format!("{{ {step} }}")).collect();
    let text = format!(
        "summary = 'test'\nrequirements = ['INV-1']\ntarget = '{role}'\ntime = '{time}'\nstep = [{}]\n",
        steps.join(", ")
    );
    let catalogue = Catalogue::built_in().unwrap();
    fragment_of("test.toml", "test", &text, &catalogue, &Tolerances::default()).unwrap().remove(0)
}

/// The state at `now` of the last step of a server. The step began at the last `step` of the transcript.
pub(super) fn stands(steps: &str, transcript: &str, now: u64) -> String {
    stands_for("server", steps, transcript, now)
}

/// The same for a target of another role.
pub(super) fn stands_for(role: &str, steps: &str, transcript: &str, now: u64) -> String {
    stands_after(role, steps, Memory::default(), transcript, now)
}

/// The same after earlier steps with something to remember.
pub(super) fn stands_after(role: &str, steps: &str, memory: Memory, transcript: &str, now: u64) -> String {
    let case = case(role, steps);
    let tolerances = Tolerances::default();
    let mut judge = Judge::new(&case, &tolerances);
    judge.remember(memory);
    stands_with(&judge, transcript, now)
}

/// The state of the last step of this judge's case.
pub(super) fn stands_with(judge: &Judge<'_>, transcript: &str, now: u64) -> String {
    let seen = parse_transcript(transcript);
    let began = seen.entries.iter().rev().find(|entry| matches!(entry.event, Event::Step { .. }));
    let began = began.map_or(Duration::ZERO, |entry| entry.at);
    in_words(&judge.assess(judge.last_step(), &seen, began, Duration::from_millis(now)))
}

/// `holds`, `open until` a time in milliseconds, or what is wrong.
fn in_words(assessment: &Assessment) -> String {
    match assessment {
        Assessment::Held(_) => "holds".to_owned(),
        Assessment::Pending(deadline) => format!("open until {}", deadline.as_millis()),
        Assessment::Broken(fault) => fault.to_string(),
    }
}

/// The transcript in this notation.
pub(in crate::judge) fn parse_transcript(text: &str) -> Transcript {
    let mut transcript = Transcript::default();
    let mut steps = 0..;
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (at, what) = entry.split_once(' ').unwrap();
        let at = Duration::from_millis(at.parse().unwrap());
        transcript.push(at, event(what, &mut steps));
    }
    transcript
}

fn event(words: &str, steps: &mut impl Iterator<Item = usize>) -> Event {
    let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
    // The target's text may contain anything.
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
        "refused" => Event::Refused { on, error: "connection refused".to_owned() },
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
