//! Steps in a notation short enough for a table's cell, and how the last of them stands; a transcript is written as
//! `model::sample` says.

use std::time::Duration;

use crate::fixture::fragment_of;
use crate::judge::{Assessment, Judge, Memory};
use crate::model::case::Case;
use crate::model::requirement::Catalogue;
pub(super) use crate::model::sample::parse_transcript;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::Event;

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
