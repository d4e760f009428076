//! A conversation as lines, one for everything that happened: when, who, what in the words of the protocol, and
//! the bytes. For the reports that show one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::explain::annotate::compare;
use crate::explain::dialogue::{Speaker, Speech};
use crate::explain::role_of;
use crate::fixture::Role;
use crate::fixture::step::CONTROL;
use crate::outcome::CaseRecord;
use crate::page::command_line;
use crate::transcript::{DataEvent, Entry, Event, Exit};
use crate::verdict::{Fault, Lateness};

/// A longer conversation is cut in its middle: how it began, and how it ended.
const FIRST: usize = 3;
const LAST: usize = 20;

/// A connection that stands later than this after the begin of its connect is worth a line of its own.
const SLOW: Duration = Duration::from_millis(500);

/// How many bytes of one line are written out at most.
const WRITTEN: usize = 10;

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since the case began.
    pub time: String,
    /// What happened.
    pub text: String,
    /// Whether it is this that is wrong.
    pub wrong: bool,
}

/// What is wrong is marked before the line, so that it can be seen without colours.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", if self.wrong { ">>" } else { "  " }, self.time, self.text)
    }
}

/// One line for everything that happened in a case; they keep to `width` columns where they can.
pub fn lines(case: &CaseRecord, width: usize) -> Vec<Line> {
    let fault = case.finding.as_ref().map(|finding| &finding.fault);
    let wrong = wrong_entry(case);
    let mut teller = Teller::of(case);
    let mut all = Vec::new();
    for (index, entry) in counted(case).iter().enumerate() {
        if let Some(told) = teller.tell(entry) {
            all.push(Line { wrong: wrong == Some(index), ..line(entry.at, &told, width) });
        }
    }
    // What did not happen has no line: the end of the wait for it is told in one of its own.
    if let (None, Some(fault), Some(last)) = (wrong, fault, case.transcript.entries.last())
        && fault.lateness() == Lateness::TargetLate
    {
        all.push(Line { time: time(last.at), text: compare(fault, width).came, wrong: true });
    }
    shortened(all)
}

/// The line of an event that was told, `width` columns wide where it can be.
pub fn line(at: Duration, told: &Told, width: usize) -> Line {
    let time = time(at);
    let text = with_bytes(told.words.clone(), &told.bytes, width.saturating_sub(time.len()));
    Line { time, text, wrong: false }
}

/// What happened until the case was over; nothing later counts.
fn counted(case: &CaseRecord) -> &[Entry] {
    let entries = &case.transcript.entries;
    let end = entries.iter().position(|entry| entry.event == Event::Finished).unwrap_or(entries.len());
    &entries[..end]
}

/// The index of the entry at which the fault shows, where something that happened shows it.
pub fn wrong_entry(case: &CaseRecord) -> Option<usize> {
    let fault = &case.finding.as_ref()?.fault;
    let on = case.connection.as_deref();
    let concerned = |event: &Event| on.is_none() || event.connection().is_none_or(|name| Some(name) == on);
    counted(case).iter().rposition(|entry| shows(fault, &entry.event) && concerned(&entry.event))
}

/// Whether the fault is what this event did.
fn shows(fault: &Fault, event: &Event) -> bool {
    match event {
        Event::Received { .. } => {
            fault.is_of_content() || matches!(fault, Fault::BytesTooEarly { .. } | Fault::PortZero)
        }
        Event::Ended { .. } => match fault {
            Fault::EndedBeforeBytes { actual, .. } => actual.is_empty(),
            Fault::ClosedTooEarly { .. } | Fault::ClosedInSilence { .. } => true,
            _ => false,
        },
        Event::Refused { .. } => matches!(fault, Fault::NotConnected { .. }),
        Event::Exited(_) => matches!(fault, Fault::WrongExit { .. } | Fault::Killed { .. }),
        Event::Ports { .. } => matches!(fault, Fault::PortSwapped { .. }),
        Event::Opened { accepted, .. } => {
            *accepted && matches!(fault, Fault::Connected | Fault::WrongAddress { .. })
        }
        _ => false,
    }
}

/// The time of a line, as it stands before it.
pub fn time(at: Duration) -> String {
    format!("{:>8.3} s  ", at.as_secs_f64())
}

fn shortened(mut all: Vec<Line>) -> Vec<Line> {
    match all.len().checked_sub(FIRST + LAST) {
        Some(hidden @ 4..) => {
            let time = " ".repeat(time(Duration::ZERO).len());
            let between = Line { time, text: format!("... {hidden} lines left out ..."), wrong: false };
            let tail = all.split_off(FIRST + hidden);
            all.truncate(FIRST);
            all.into_iter().chain([between]).chain(tail).collect()
        }
        _ => all,
    }
}

/// Who is who in the lines of a case.
pub fn legend(case: &CaseRecord) -> String {
    legend_for(role_of(case), names(counted(case)).len())
}

/// Who is who with a program of this role and so many connections.
pub fn legend_for(role: Role, connections: usize) -> String {
    let who = match role {
        Role::Server => "the server is your program, the client is conformance",
        Role::Client => "the client is your program, the server is conformance",
        Role::Command => "seconds since the start",
    };
    match connections {
        0 | 1 => who.to_owned(),
        _ => format!("{who}; in brackets which connection"),
    }
}

fn names(entries: &[Entry]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in entries.iter().filter_map(|entry| entry.event.connection()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn with_bytes(line: String, bytes: &str, width: usize) -> String {
    let room = width.saturating_sub(line.chars().count() + 2);
    match bytes {
        "" => line,
        bytes if bytes.len() <= room => format!("{line}  {bytes}"),
        // Less than two bytes and the dots say nothing.
        _ if room < 9 => line,
        bytes => format!("{line}  {} ...", bytes[..room - 4].rsplit_once(' ').map_or("", |(whole, _)| whole)),
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who does what, in the words of the protocol.
    pub words: String,
    /// The bytes that were said, hex, the tail of many only counted; empty where none were.
    pub bytes: String,
}

/// Puts the events of one conversation into words, one after the other.
#[derive(Clone, Debug)]
pub struct Teller {
    role: Role,
    args: Vec<String>,
    /// The connections in the order of their beginnings.
    names: Vec<String>,
    /// What the client and the server of each connection have said so far.
    speeches: BTreeMap<String, (Speech, Speech)>,
    /// When our connects began.
    begun: BTreeMap<String, Duration>,
}

impl Teller {
    /// For a program that was started in this role with these arguments. `names` are the connections that there
    /// will be, in the order of their beginnings.
    pub fn new(role: Role, args: &[String], names: Vec<String>) -> Self {
        Self { role, args: args.to_vec(), names, speeches: BTreeMap::new(), begun: BTreeMap::new() }
    }

    /// For a case that is over.
    pub fn of(case: &CaseRecord) -> Self {
        Self::new(role_of(case), &case.args, names(counted(case)))
    }

    /// The next event in words, where it is worth some.
    pub fn tell(&mut self, entry: &Entry) -> Option<Told> {
        let plain = |words: String| Some(Told { words, bytes: String::new() });
        let on = entry.event.connection().map_or(String::new(), |name| self.prefix(name));
        let (ours, theirs, we) = self.names();
        match &entry.event {
            // Steps are the fixture's business, and output is shown as a whole.
            Event::Step { .. } | Event::Finished | Event::Output { .. } => None,
            Event::Started => plain(format!("{theirs} starts{}", self.call())),
            Event::Ready => plain(format!("{theirs} listens on TCP port 5678")),
            Event::Exited(exit) => plain(format!("{theirs} ends: {}", ended(*exit))),
            Event::Signalled { signal } => {
                plain(format!("{theirs} is sent {}", signal_name(signal.number())))
            }
            Event::Connecting { on: name, to } => {
                self.speeches.insert(name.clone(), fresh());
                self.begun.insert(name.clone(), entry.at);
                plain(format!("{on}{ours} connects to {to}"))
            }
            Event::Opened { on: name, local, accepted: true, .. } => {
                self.speeches.insert(name.clone(), fresh());
                plain(format!("{on}{theirs} connects to {local}"))
            }
            Event::Opened { on: name, .. } => {
                let slow = self.begun.get(name).is_some_and(|begun| entry.at > *begun + SLOW);
                slow.then(|| plain(format!("{on}{ours} is connected"))).flatten()
            }
            Event::Refused { error, .. } => plain(format!("{on}{ours} cannot connect: {error}")),
            Event::Sent { on: name, bytes, length } => Some(self.speak(we, name, &on, bytes, *length)),
            Event::Received { on: name, bytes } => {
                let they = if we == Speaker::Client { Speaker::Server } else { Speaker::Client };
                Some(self.speak(they, name, &on, bytes, bytes.len()))
            }
            Event::Ended { by, .. } => plain(format!("{on}{theirs} closes the connection ({by})")),
            Event::Shutdown { .. } => plain(format!("{on}{ours} closes its sending side")),
            Event::Dropped { reset: true, .. } => plain(format!("{on}{ours} resets the connection")),
            Event::Dropped { .. } => plain(format!("{on}{ours} closes the connection")),
            Event::Ports { announced_open, swapped_open } => plain(
                match (announced_open, swapped_open) {
                    (true, _) => "the announced test port is open",
                    (false, true) => {
                        "the announced test port is not open, the one with its two bytes swapped is"
                    }
                    (false, false) => "the announced test port is not open",
                }
                .to_owned(),
            ),
            Event::Data(event) => plain(describe_data(event)),
            Event::Resources { descriptors, threads } => {
                plain(format!("{theirs} holds {descriptors} descriptors and {threads} threads"))
            }
        }
    }

    /// What we, and what the program is called, and which of the two speakers we are.
    fn names(&self) -> (&'static str, &'static str, Speaker) {
        match self.role {
            Role::Server => ("client", "server", Speaker::Client),
            Role::Client => ("server", "client", Speaker::Server),
            Role::Command => ("conformance", "the program", Speaker::Server),
        }
    }

    fn call(&self) -> String {
        if self.args.is_empty() { String::new() } else { format!(": {}", command_line(&self.args)) }
    }

    /// Which connection: a number in the order of their beginnings where the name says nothing.
    pub fn prefix(&self, name: &str) -> String {
        if self.names.len() < 2 {
            return String::new();
        }
        if name != CONTROL && !name.starts_with("session-") {
            return format!("[{name}] ");
        }
        let number = self.names.iter().position(|known| known == name).map_or(0, |index| index + 1);
        format!("[{number}] ")
    }

    fn speak(&mut self, speaker: Speaker, name: &str, on: &str, bytes: &[u8], length: usize) -> Told {
        let (client, server) = self.speeches.entry(name.to_owned()).or_insert_with(fresh);
        let (speech, arrow) = match speaker {
            Speaker::Client => (client, "client --> server"),
            Speaker::Server => (server, "client <-- server"),
        };
        let named = speech.hear(bytes, length);
        let shown: Vec<_> = bytes.iter().take(WRITTEN).map(|byte| format!("{byte:02x}")).collect();
        let more = if length > WRITTEN { format!(" ... ({length} bytes)") } else { String::new() };
        Told { words: format!("{on}{arrow}  {named}"), bytes: format!("{}{more}", shown.join(" ")) }
    }
}

fn describe_data(event: &DataEvent) -> String {
    match event {
        DataEvent::Port { port, over, open } => match open {
            Some(true) => format!("{over} port {port} is open"),
            Some(false) => format!("{over} port {port} is not open"),
            None => format!("the system does not tell whether {over} port {port} is open"),
        },
        DataEvent::Sent { over, messages, bytes, replies, error, .. } => {
            let error = error.as_ref().map_or(String::new(), |error| format!(" ({error})"));
            format!(
                "client ==> server  {messages} messages, {bytes} bytes over {over}; {replies} replies{error}"
            )
        }
        DataEvent::Drops { datagrams: Some(datagrams) } => {
            format!("the system has dropped {datagrams} datagrams on the way")
        }
        DataEvent::Drops { datagrams: None } => "the system does not tell of dropped datagrams".to_owned(),
        DataEvent::Seen(seen) => format!(
            "client ==> server  {} bytes over TCP, {} datagrams ({} dropped on the way), {} answered",
            seen.stream_bytes, seen.datagrams, seen.dropped, seen.answered
        ),
        DataEvent::Compared { client_mbit_s, plain_mbit_s } => {
            format!("the client's {client_mbit_s:.0} Mbit/s beside a plain sender's {plain_mbit_s:.0} Mbit/s")
        }
    }
}

fn fresh() -> (Speech, Speech) {
    (Speech::of(Speaker::Client), Speech::of(Speaker::Server))
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Status(_) => exit.to_string(),
        Exit::Signal(_) => format!("killed by {exit}"),
    }
}

fn signal_name(number: i32) -> String {
    match number {
        2 => "SIGINT, as by Ctrl-C".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => Exit::Signal(other).to_string(),
    }
}
