//! Steps in a notation short enough for a table's cell, and how the last of them stands; a transcript is written as
//! `model::sample` says.

use std::time::Duration;

use crate::fixture::fragment_of;
use crate::judge::{Assessment, Judge, Memory};
use crate::model::case::Case;
use crate::model::requirement::Catalogue;
use crate::model::sample;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::Event;

/// A fixture of these steps, written as in a fixture's file, `; ` between two steps, about INV-1.
pub(super) fn case(role: &str, steps: &str) -> Case {
    case_of(role, "1s", steps)
}

/// The same with another `--time` of a client.
pub(super) fn case_of(role: &str, time: &str, steps: &str) -> Case {
    let steps: Vec<_> = steps.split("; ").map(|step| format!("{{ {step} }}")).collect();
    let text = format!(
        "summary = 'told'\nrequirements = ['INV-1']\ntarget = '{role}'\ntime = '{time}'\nstep = [{}]\n",
        steps.join(", ")
    );
    let catalogue = Catalogue::built_in().unwrap();
    fragment_of("told.toml", "told", &text, &catalogue, &Tolerances::default()).unwrap().remove(0)
}

/// How the last of a server's steps stands at `now`, all of it having begun at the latest `step`.
pub(super) fn stands(steps: &str, transcript: &str, now: u64) -> String {
    stands_for("server", steps, transcript, now)
}

/// The same for a target of another role.
pub(super) fn stands_for(role: &str, steps: &str, transcript: &str, now: u64) -> String {
    stands_after(role, steps, Memory::default(), transcript, now)
}

/// The same after steps that left something to remember.
pub(super) fn stands_after(role: &str, steps: &str, memory: Memory, transcript: &str, now: u64) -> String {
    let case = case(role, steps);
    let tolerances = Tolerances::default();
    let mut judge = Judge::new(&case, &tolerances);
    judge.remember(memory);
    stands_with(&judge, transcript, now)
}

/// How the last step of this judge's case stands.
pub(super) fn stands_with(judge: &Judge<'_>, transcript: &str, now: u64) -> String {
    let seen = sample::transcript(transcript);
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
