//! Judges a conversation: a case and a transcript go in, a verdict comes out. The player asks the same judge after
//! every event whether to go on, so playing and judging cannot differ. The judge reads raw bytes and knows no message
//! of the protocol.

mod connection;
pub mod figures;
mod queue;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use view::View;

use crate::model::case::Case;
use crate::model::fault::{Fault, Finding};
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{Event, Transcript};

/// The state of one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Assessment {
    /// It holds. The judge must remember this for later steps.
    Held(Memory),
    /// Undecided. It is decided at this time at the latest.
    Pending(Duration),
    /// It does not hold.
    Broken(Box<Fault>),
}

/// What a step that holds passes to the later steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Bytes consumed of a connection: name, opening, total.
    consumed: Option<(String, usize, usize)>,
    /// Another name for a connection: alias, name.
    alias: Option<(String, String)>,
    /// The announced port.
    port: Option<u16>,
    /// Descriptors and threads.
    resources: Option<(usize, usize)>,
}

/// The verdict on a case that was played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every step holds.
    Pass,
    /// A step does not hold.
    Fail(Finding),
    /// The transcript ends before the last step is decided: the player did not finish.
    Unfinished {
        /// The step.
        step: usize,
    },
}

/// Judges the whole of a finished conversation.
pub fn judge(case: &Case, tolerances: &Tolerances, transcript: &Transcript) -> Verdict {
    let mut judge = Judge::new(case, tolerances);
    let starts: Vec<(usize, usize)> = (transcript.entries.iter().enumerate())
        .filter_map(|(position, entry)| match entry.event {
            Event::Step { index } => Some((position, index)),
            _ => None,
        })
        .collect();
    let mut seen = Transcript::default();
    for (number, (position, index)) in starts.iter().enumerate() {
        // The player never began this step.
        if *index != number {
            return Verdict::Unfinished { step: number };
        }
        let end = starts.get(number + 1).map_or(transcript.entries.len(), |(next, _)| *next);
        seen.entries.extend_from_slice(&transcript.entries[seen.entries.len()..end]);
        let began = transcript.entries[*position].at;
        // The player decided at the start of the next step, or at the last entry.
        let now = transcript.entries.get(end).or(transcript.entries.last()).map_or(began, |entry| entry.at);
        match judge.assess(*index, &seen, began, now) {
            Assessment::Held(memory) => judge.remember(memory),
            Assessment::Broken(fault) => return Verdict::Fail(judge.finding(*index, *fault)),
            Assessment::Pending(_) => return Verdict::Unfinished { step: *index },
        }
    }
    let finished = transcript.entries.iter().any(|entry| entry.event == Event::Finished);
    if finished && starts.len() == case.steps.len() {
        return Verdict::Pass;
    }
    Verdict::Unfinished { step: starts.len().min(case.steps.len().saturating_sub(1)) }
}

/// Assesses the steps of one case, one after the other.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    case: &'a Case,
    tolerances: &'a Tolerances,
    consumed: BTreeMap<(String, usize), usize>,
    aliases: BTreeMap<String, String>,
    port: Option<u16>,
    /// Descriptors and threads: the last remembered counts, and those before.
    resources: Option<(usize, usize)>,
    resources_before: Option<(usize, usize)>,
}

impl<'a> Judge<'a> {
    /// A judge before the first step.
    pub fn new(case: &'a Case, tolerances: &'a Tolerances) -> Self {
        Self {
            case,
            tolerances,
            consumed: BTreeMap::new(),
            aliases: BTreeMap::new(),
            port: None,
            resources: None,
            resources_before: None,
        }
    }

    /// Remembers the result of a step that holds.
    pub fn remember(&mut self, memory: Memory) {
        if let Some((name, opening, total)) = memory.consumed {
            self.consumed.insert((name, opening), total);
        }
        self.aliases.extend(memory.alias);
        self.port = memory.port.or(self.port);
        if memory.resources.is_some() {
            self.resources_before = self.resources;
            self.resources = memory.resources;
        }
    }

    /// The connection that a name in a step refers to.
    pub fn resolve<'n>(&'n self, name: &'n str) -> &'n str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// The index of the case's last step.
    #[cfg(test)]
    fn last_step(&self) -> usize {
        self.case.steps.len() - 1
    }

    /// The times of the judgement.
    pub fn tolerances(&self) -> &Tolerances {
        self.tolerances
    }

    /// The port that the latest Reply announced.
    pub fn announced_port(&self) -> Option<u16> {
        self.port
    }

    /// A fault of a step, charged to the requirements of the step or of the case.
    pub fn finding(&self, step: usize, fault: Fault) -> Finding {
        let own = &self.case.requirements;
        let of_step = self.case.steps.get(step).and_then(|step| match &step.content {
            Some(content) if fault.is_of_content() => Some(content.clone()),
            _ => step.requirement.clone(),
        });
        let charged = of_step.map_or_else(|| own.clone(), |requirement| vec![requirement]);
        Finding { step, charged, fault }
    }

    /// The state of step `index` at `now`. The step began at `began`; `seen` is the transcript so far.
    pub fn assess(&self, index: usize, seen: &Transcript, began: Duration, now: Duration) -> Assessment {
        let Some(step) = self.case.steps.get(index) else { return Assessment::Held(Memory::default()) };
        View { judge: self, step, seen, began, now }.assess()
    }
}
