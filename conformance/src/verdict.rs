//! Judges a conversation: fixture and transcript in, verdict out, and nothing else. The player asks
//! the same judge, step by step, whether to go on, so what is played and what is judged cannot differ.
//! It reads raw bytes and knows no message of the protocol.

mod connection;
pub mod fault;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use connection::Connection;
pub use fault::{Fault, Lateness};

use crate::fixture::bytes::{Outgoing, Pattern};
use crate::fixture::step::{Action, Close, Destination, ResourceCheck, Status, Step, Stream, TextPattern};
use crate::fixture::{Case, Role};
use crate::isolate::ADDRESS;
use crate::spec::RequirementId;
use crate::tolerance::{GRACE, MOMENT, SEGMENT_SETTLES, Tolerances};
use crate::transcript::{Entry, Event, Exit, Transcript};

/// How one step stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Assessment {
    /// It holds; what the judge is to remember of it.
    Held(Memory),
    /// Undecided; decided at this time at the latest.
    Pending(Duration),
    /// It does not hold.
    Broken(Box<Fault>),
}

/// What a step that holds leaves behind for the ones after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Bytes consumed of a connection: name, its opening, how many in all.
    consumed: Option<(String, usize, usize)>,
    /// A further name for a connection.
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
    /// One does not.
    Fail(Finding),
    /// The transcript ends in the middle of a step: the player did not finish.
    Unfinished {
        /// The step.
        step: usize,
    },
}

/// What is wrong and whose failure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The step's index in the case.
    pub step: usize,
    /// The requirements that do not hold.
    pub charged: Vec<RequirementId>,
    /// What is wrong.
    pub fault: Fault,
}

/// Judges the whole of a finished conversation.
pub fn judge(case: &Case, tolerances: &Tolerances, transcript: &Transcript) -> Verdict {
    let mut judge = Judge::new(case, tolerances);
    let marks: Vec<(usize, usize)> = (transcript.entries.iter().enumerate())
        .filter_map(|(position, entry)| match entry.event {
            Event::Step { index } => Some((position, index)),
            _ => None,
        })
        .collect();
    for (turn, (position, index)) in marks.iter().enumerate() {
        let end = marks.get(turn + 1).map_or(transcript.entries.len(), |(next, _)| *next);
        let seen = Transcript { entries: transcript.entries[..end].to_vec() };
        let began = transcript.entries[*position].at;
        // The next mark (or the last entry) is the moment at which the player was sure.
        let now = transcript.entries.get(end).or(transcript.entries.last()).map_or(began, |entry| entry.at);
        match judge.assess(*index, &seen, began, now) {
            Assessment::Held(memory) => judge.remember(memory),
            Assessment::Broken(fault) => return Verdict::Fail(judge.finding(*index, *fault)),
            Assessment::Pending(_) => return Verdict::Unfinished { step: *index },
        }
    }
    match marks.last() {
        Some((_, last)) if last + 1 == case.steps.len() => Verdict::Pass,
        last => Verdict::Unfinished { step: last.map_or(0, |(_, index)| *index) },
    }
}

/// Assesses the steps of one case, one after the other.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    case: &'a Case,
    tolerances: &'a Tolerances,
    consumed: BTreeMap<(String, usize), usize>,
    aliases: BTreeMap<String, String>,
    port: Option<u16>,
    resources: Option<(usize, usize)>,
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
        }
    }

    /// Takes in what a step that holds left behind.
    pub fn remember(&mut self, memory: Memory) {
        if let Some((name, opening, total)) = memory.consumed {
            self.consumed.insert((name, opening), total);
        }
        self.aliases.extend(memory.alias);
        self.port = memory.port.or(self.port);
        self.resources = memory.resources.or(self.resources);
    }

    /// The connection that a step's name means.
    pub fn resolve<'n>(&'n self, name: &'n str) -> &'n str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// The port that the latest Reply announced.
    pub fn announced_port(&self) -> Option<u16> {
        self.port
    }

    /// A fault of a step, charged to whom the step speaks for.
    pub fn finding(&self, step: usize, fault: Fault) -> Finding {
        let own = &self.case.requirements;
        let of_step = self.case.steps.get(step).and_then(|step| match &step.content {
            Some(content) if fault.is_of_content() => Some(content.clone()),
            _ => step.requirement.clone(),
        });
        let charged = of_step.map_or_else(|| own.clone(), |requirement| vec![requirement]);
        Finding { step, charged, fault }
    }

    /// How step `index`, begun at `began`, stands at `now`, given all that has happened.
    pub fn assess(&self, index: usize, seen: &Transcript, began: Duration, now: Duration) -> Assessment {
        let Some(step) = self.case.steps.get(index) else { return held() };
        let view = View { judge: self, step, seen, began, now };
        match &step.action {
            Action::Start => view.started(),
            Action::Connect(_) | Action::Signal(_) => held(),
            Action::Shutdown | Action::Close | Action::Reset => view.established(),
            Action::Serve(duration) => view.served(*duration),
            Action::DataThreadEnded { within } => view.data_thread_ended(*within),
            Action::Send(outgoing) => view.sent(outgoing),
            Action::Accept { within, at } => view.accepted(*within, *at),
            Action::Expect { pattern, not_before, within, alias } => {
                view.expected(pattern, *not_before, *within, alias.as_deref())
            }
            Action::Closed(close) => view.closed(*close),
            Action::Silent(duration) => view.silent(*duration),
            Action::Exits { within, status } => view.exited(*within, *status),
            Action::Prints { text, within, stream, times } => view.prints(text, *within, *stream, *times),
            Action::Unprinted { text, stream } => view.unprinted(text, *stream),
            Action::Complains => view.complains(),
            Action::NoTrace => view.no_trace(),
            Action::Unconnected => view.unconnected(),
            Action::Announced => view.announced(),
            Action::Resources(check) => view.resources(*check),
        }
    }
}

fn held() -> Assessment {
    Assessment::Held(Memory::default())
}

fn broken(fault: Fault) -> Assessment {
    Assessment::Broken(Box::new(fault))
}

/// One step and all that is known at one moment.
struct View<'a> {
    judge: &'a Judge<'a>,
    step: &'a Step,
    seen: &'a Transcript,
    began: Duration,
    now: Duration,
}

impl View<'_> {
    fn connection(&self, name: &str) -> Connection<'_> {
        Connection::of(self.seen, self.judge.resolve(name))
    }

    fn consumed(&self, name: &str, connection: &Connection<'_>) -> usize {
        let key = (self.judge.resolve(name).to_owned(), connection.opening);
        self.judge.consumed.get(&key).copied().unwrap_or_default()
    }

    /// Pending until `deadline`, broken by `fault` from then on.
    fn by(&self, deadline: Duration, fault: impl FnOnce() -> Fault) -> Assessment {
        if self.now < deadline { Assessment::Pending(deadline) } else { broken(fault()) }
    }

    fn started(&self) -> Assessment {
        let since_start = self.seen.since_start();
        let ready = match self.judge.case.role {
            Role::Server => since_start.iter().any(|entry| entry.event == Event::Ready),
            Role::Client | Role::Command => true,
        };
        if ready {
            return held();
        }
        let waited = self.judge.tolerances.startup;
        if let Some((_, exit)) = self.seen.exit() {
            return broken(Fault::NotListening { waited, exit: Some(exit) });
        }
        self.by(self.began + waited, || Fault::NotListening { waited, exit: None })
    }

    /// A send is done when the system has taken all of it; one that cannot be done shows in what follows.
    fn sent(&self, outgoing: &Outgoing) -> Assessment {
        let name = self.judge.resolve(self.step.connection());
        let connection = self.connection(name);
        let taken = |event: &Event| match event {
            Event::Sent { on, length, .. } if on == name => *length,
            _ => 0,
        };
        let sent: usize = self.in_this_step().iter().map(|entry| taken(&entry.event)).sum();
        // Each segment may lie unread for a while before the next one follows.
        let settling = SEGMENT_SETTLES * u32::try_from(outgoing.segments.len()).unwrap_or(u32::MAX);
        let deadline = self.began + self.judge.tolerances.patience + settling;
        let never = connection.ended.is_some() || connection.refused.is_some();
        // What a connection still has to stand for goes out when it does.
        if sent >= outgoing.length() || !connection.opened || never || self.now >= deadline {
            held()
        } else {
            Assessment::Pending(deadline)
        }
    }

    fn in_this_step(&self) -> &[Entry] {
        let mark = self.seen.entries.iter().rposition(|entry| matches!(entry.event, Event::Step { .. }));
        &self.seen.entries[mark.unwrap_or(0)..]
    }

    /// What ends a connection waits until it stands, or is known never to stand.
    fn established(&self) -> Assessment {
        let connection = self.connection(self.step.connection());
        let deadline = self.began + self.judge.tolerances.patience;
        if connection.opened || connection.refused.is_some() || self.now >= deadline {
            held()
        } else {
            Assessment::Pending(deadline)
        }
    }

    fn served(&self, duration: Duration) -> Assessment {
        let end = self.began + duration;
        if self.now >= end || self.seen.exit().is_some() { held() } else { Assessment::Pending(end) }
    }

    fn data_thread_ended(&self, within: Duration) -> Assessment {
        let lines = |text: &str| self.occurrences(&TextPattern::Text(text.to_owned()), None).len();
        let (opened, closed) = (lines("data thread opening"), lines("data thread closing"));
        // A server that tells nothing is judged by what it holds, where the system tells that.
        let given_back = match (self.counted(), self.judge.resources) {
            (Some(now), Some(before)) => now.0 <= before.0 && now.1 <= before.1,
            _ => opened == 0,
        };
        if given_back || (opened > 0 && closed >= opened) {
            return held();
        }
        self.by(self.began + within, || Fault::DataThreadRuns { opened, closed, waited: within })
    }

    /// The latest count of the target's descriptors and threads in this step.
    fn counted(&self) -> Option<(usize, usize)> {
        self.seen.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Resources { descriptors, threads } if entry.at >= self.began => {
                Some((descriptors, threads))
            }
            _ => None,
        })
    }

    fn accepted(&self, within: Duration, at: Option<Destination>) -> Assessment {
        let name = self.judge.resolve(self.step.connection());
        let opened = self.seen.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Opened { on, local, accepted: true, .. } if on == name => Some(local),
            _ => None,
        });
        if let Some(local) = opened {
            let expected = match at {
                Some(Destination::External) => ADDRESS.to_string(),
                Some(Destination::Loopback) => "127.0.0.1".to_owned(),
                Some(Destination::Ipv6) => "::1".to_owned(),
                None => return held(),
            };
            let actual = local.parse::<std::net::SocketAddr>().map(|address| address.ip().to_canonical());
            return match actual {
                Ok(address) if address.to_string() == expected => held(),
                _ => broken(Fault::WrongAddress { expected, actual: local.clone() }),
            };
        }
        if let Some((_, exit)) = self.seen.exit() {
            return broken(Fault::NotAccepted { waited: within, exit: Some(exit) });
        }
        self.by(self.began + within, || Fault::NotAccepted { waited: within, exit: None })
    }

    fn expected(
        &self,
        pattern: &Pattern,
        not_before: Duration,
        within: Duration,
        alias: Option<&str>,
    ) -> Assessment {
        // Of several connections the first that says anything new, or ends, is the one.
        let name = match &self.step.on[..] {
            [only] => only,
            several => match several.iter().find(|name| {
                let connection = self.connection(name);
                !connection.unconsumed(self.consumed(name, &connection)).is_empty()
            }) {
                Some(speaker) => speaker,
                None => {
                    return self.by(self.began + within, || Fault::BytesMissing {
                        expected: pattern.clone(),
                        actual: Vec::new(),
                        waited: within,
                    });
                }
            },
        };
        let connection = self.connection(name);
        let consumed = self.consumed(name, &connection);
        let actual = connection.unconsumed(consumed);
        let expected = pattern.clone();
        if let Some(offset) = first_mismatch(pattern, &actual) {
            return broken(Fault::WrongByte { expected, actual, offset });
        }
        if actual.len() > pattern.bytes.len() {
            return broken(Fault::SurplusBytes { expected, actual });
        }
        if let Some(first) = connection.arrival(consumed) {
            let after = first.saturating_sub(connection.anchor(first));
            if after + GRACE < not_before {
                return broken(Fault::BytesTooEarly { actual, after, not_before });
            }
        }
        if actual.len() == pattern.bytes.len() {
            // A client that says its first word twice says it in two writes: give the second one time, or it
            // would be taken for whatever is due next.
            let settled = match (self.judge.case.role, consumed, connection.arrival(actual.len() - 1)) {
                (Role::Client, 0, Some(last)) => last + GRACE,
                _ => self.now,
            };
            if self.now < settled && connection.ended.is_none() {
                return Assessment::Pending(settled);
            }
            let resolved = self.judge.resolve(name).to_owned();
            return Assessment::Held(Memory {
                alias: alias.map(|alias| (alias.to_owned(), resolved.clone())),
                consumed: Some((resolved, connection.opening, consumed + actual.len())),
                port: pattern.port(&actual),
                resources: None,
            });
        }
        if let Some((_, by)) = connection.ended {
            return broken(Fault::EndedBeforeBytes { expected, actual, by });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let deadline = connection.anchor(self.now).max(self.began) + within;
        self.by(deadline, || Fault::BytesMissing { expected, actual, waited: within })
    }

    fn closed(&self, close: Close) -> Assessment {
        let name = self.step.connection();
        let connection = self.connection(name);
        let actual = connection.unconsumed(self.consumed(name, &connection));
        if !actual.is_empty() {
            return broken(Fault::BytesBeforeClose { actual });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let Some((at, by)) = connection.ended else {
            let anchor = connection.anchor(self.now);
            let (deadline, waited) = match close {
                Close::Within(within) => (anchor.max(self.began) + within, within),
                Close::At { due, late, .. } => (anchor + due + late, due + late),
            };
            return self.by(deadline, || Fault::StillOpen { waited });
        };
        let after = at.saturating_sub(connection.anchor(at));
        match close {
            Close::At { due, early, .. } if after + GRACE < due.saturating_sub(early) => {
                broken(Fault::ClosedTooEarly { after, not_before: due.saturating_sub(early), by })
            }
            Close::At { due, late, .. } if after > due + late => {
                broken(Fault::StillOpen { waited: due + late })
            }
            _ => held(),
        }
    }

    fn silent(&self, duration: Duration) -> Assessment {
        let name = self.step.connection();
        let connection = self.connection(name);
        let actual = connection.unconsumed(self.consumed(name, &connection));
        if !actual.is_empty() {
            return broken(Fault::BytesInSilence { actual });
        }
        if let Some((at, by)) = connection.ended {
            let after = at.saturating_sub(connection.anchor(at));
            return broken(Fault::ClosedInSilence { by, after });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let end = self.began + duration;
        if self.now < end { Assessment::Pending(end) } else { held() }
    }

    fn exited(&self, within: Duration, status: Option<Status>) -> Assessment {
        let Some((_, exit)) = self.seen.exit() else {
            return self.by(self.began + within, || Fault::StillRunning { waited: within });
        };
        let right = match (status, exit) {
            (None, _) | (Some(Status::Zero), Exit::Status(0)) => true,
            (Some(Status::Nonzero), Exit::Status(code)) => code != 0,
            _ => false,
        };
        match status {
            Some(wanted) if !right => broken(Fault::WrongExit { exit, wanted }),
            _ => held(),
        }
    }

    fn prints(
        &self,
        text: &TextPattern,
        within: Duration,
        stream: Option<Stream>,
        times: Option<usize>,
    ) -> Assessment {
        let found = self.occurrences(text, stream);
        let written = text.as_written();
        match times {
            Some(wanted) if found.len() > wanted => {
                return broken(Fault::PrintedTimes { text: written.to_owned(), times: found.len(), wanted });
            }
            Some(wanted) if found.len() == wanted => return held(),
            None if !found.is_empty() => return held(),
            _ => {}
        }
        let missing = || match (times, found.len()) {
            (Some(wanted), times) if times > 0 => {
                Fault::PrintedTimes { text: written.to_owned(), times, wanted }
            }
            _ => Fault::NotPrinted { text: written.to_owned(), waited: within },
        };
        if self.seen.exit().is_some() { broken(missing()) } else { self.by(self.began + within, missing) }
    }

    fn unprinted(&self, text: &TextPattern, stream: Option<Stream>) -> Assessment {
        match self.occurrences(text, stream).into_iter().next() {
            Some(found) => broken(Fault::Printed { text: text.as_written().to_owned(), found }),
            None => held(),
        }
    }

    fn occurrences(&self, text: &TextPattern, stream: Option<Stream>) -> Vec<String> {
        // The fixture's reader has compiled it before; a pattern that no longer does matches nothing.
        let Ok(regex) = text.regex() else { return Vec::new() };
        let streams = stream.map_or(vec![Stream::Stdout, Stream::Stderr], |stream| vec![stream]);
        let find = |stream| {
            let output = self.seen.output(Some(stream));
            regex.find_iter(&output).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
        };
        streams.into_iter().flat_map(find).collect()
    }

    /// A message can only be about what we did last, so what was printed before that does not count.
    fn complains(&self) -> Assessment {
        let ours = self.seen.entries.iter().rposition(|entry| {
            matches!(
                entry.event,
                Event::Sent { .. } | Event::Dropped { .. } | Event::Shutdown { .. } | Event::Started
            )
        });
        let later = Transcript { entries: self.seen.entries[ours.unwrap_or(0)..].to_vec() };
        let output = later.output(None);
        let is_message = |line: &str| {
            let line = line.trim().to_lowercase();
            !line.is_empty() && !line.contains("data thread") && !line.starts_with("using python")
        };
        if output.lines().any(is_message) {
            return held();
        }
        if self.seen.exit().is_some() {
            return broken(Fault::NoMessage);
        }
        self.by(self.began + self.judge.tolerances.patience, || Fault::NoMessage)
    }

    fn no_trace(&self) -> Assessment {
        if let Some((runtime, line)) = trace::find(&self.seen.output(None)) {
            return broken(Fault::StackTrace { runtime: runtime.to_owned(), line });
        }
        let sent: Vec<i32> = (self.seen.since_start().iter())
            .filter_map(|entry| match entry.event {
                Event::Signalled { signal } => Some(signal.number()),
                _ => None,
            })
            .collect();
        match self.seen.exit() {
            Some((_, Exit::Signal(signal))) if !sent.contains(&signal) => broken(Fault::Killed { signal }),
            _ => held(),
        }
    }

    fn unconnected(&self) -> Assessment {
        let accepted = |event: &Event| matches!(event, Event::Opened { accepted: true, .. });
        match self.seen.entries.iter().any(|entry| accepted(&entry.event)) {
            true => broken(Fault::Connected),
            false => held(),
        }
    }

    fn announced(&self) -> Assessment {
        let Some(announced) = self.judge.port else { return broken(Fault::NoPort) };
        if announced == 0 {
            return broken(Fault::PortZero);
        }
        let probed = self.seen.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Ports { announced_open, swapped_open } => Some((announced_open, swapped_open)),
            _ => None,
        });
        match probed {
            Some((false, true)) => broken(Fault::PortSwapped { announced, open: announced.swap_bytes() }),
            _ => held(),
        }
    }

    fn resources(&self, check: ResourceCheck) -> Assessment {
        let counted = self.counted();
        match (check, counted, self.judge.resources) {
            (ResourceCheck::Remember, counted, _) => self.steady(counted),
            // Where the system does not tell, nothing can be held against the target.
            (ResourceCheck::AsRemembered { .. }, None, _) | (ResourceCheck::AsRemembered { .. }, _, None) => {
                held()
            }
            (ResourceCheck::AsRemembered { within }, Some(after), Some(before)) => {
                if after.0 <= before.0 && after.1 <= before.1 {
                    held()
                } else {
                    self.by(self.began + within, || Fault::Leaked { before, after })
                }
            }
        }
    }
}

impl View<'_> {
    /// Remembers a count once it stands still: what the last session held is being given back meanwhile.
    fn steady(&self, counted: Option<(usize, usize)>) -> Assessment {
        let since = (self.seen.entries.iter().rev())
            .take_while(|entry| entry.at >= self.began)
            .filter_map(|entry| match entry.event {
                Event::Resources { descriptors, threads } => Some((entry.at, (descriptors, threads))),
                _ => None,
            })
            .take_while(|(_, count)| Some(*count) == counted)
            .last()
            .map_or(self.began, |(at, _)| at);
        let deadline = self.began + self.judge.tolerances.patience;
        if counted.is_none() || self.now >= since + MOMENT || self.now >= deadline {
            return Assessment::Held(Memory { resources: counted, ..Memory::default() });
        }
        Assessment::Pending(deadline.min(since + MOMENT))
    }
}

/// The index of the first byte that the pattern does not admit.
fn first_mismatch(pattern: &Pattern, actual: &[u8]) -> Option<usize> {
    pattern.bytes.iter().zip(actual).position(|(expected, byte)| !expected.admits(*byte))
}
