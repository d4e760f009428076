//! A conversation as a ladder: everything that happened between the runner and the program, when, and what is wrong.
//! Reports write it ([`lines`]) or draw it.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

pub use text::{Line, line, lines, time};

use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::lateness::Lateness;
use crate::model::outcome::CaseRecord;
use crate::model::step::CONTROL;
use crate::model::transcript::{DataEvent, EndedBy, Entry, Event, Exit};
use crate::words::annotate::compare;
use crate::words::dialogue::{MessageReader, NamedBytes, Part, Peer};
use crate::words::page::{DEFAULT_WIDTH, command_line};

/// How many events of a long conversation are shown from its beginning and from its end.
const FIRST: usize = 3;
const LAST: usize = 20;

/// A connection that opens later than this after its connect gets a line.
const SLOW: Duration = Duration::from_millis(500);

/// A line of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something that happened.
    Event(LadderEvent),
    /// The number of events that are left out.
    LeftOut(usize),
}

/// Something that happened in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderEvent {
    /// Since the case began.
    pub at: Duration,
    /// Which connection it is about, as `[2] `; empty where there is only one.
    pub on: String,
    /// The two sides, and the direction.
    pub direction: Direction,
    /// What happened; for a message, what it is.
    pub words: String,
    /// The bytes of a message.
    pub message: Option<MessageBytes>,
    /// Whether this event is wrong.
    pub wrong: bool,
}

/// Which way something goes between the runner and the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Bytes of the control connection, from this end.
    Message(Peer),
    /// Test data, from the client.
    Data,
    /// A connection is made.
    Connect(Side),
    /// A connection ends, or one direction of it.
    Close {
        /// Who closes.
        by: Side,
        /// Whether by a reset.
        reset: bool,
    },
    /// A signal to the program.
    Signal,
    /// The program starts.
    Start,
    /// The program ends.
    End,
    /// Something happens at one side.
    At(Side),
    /// The program did not send what was due.
    Absent,
}

/// One of the two sides of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This runner.
    Runner,
    /// The program that is graded.
    Program,
}

/// The bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageBytes {
    /// The bytes that were kept.
    pub bytes: Vec<u8>,
    /// The number of all bytes.
    pub length: usize,
    /// The fields of the bytes that were kept.
    pub parts: Vec<Part>,
}

/// The names of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participants {
    /// What the runner is called.
    pub runner: &'static str,
    /// What the program is called.
    pub program: &'static str,
    /// The end of the control connection that the runner is.
    pub runner_is: Peer,
}

/// The names of the two sides in a case.
pub fn participants(case: &CaseRecord) -> Participants {
    participants_of(case.role)
}

/// The names of the two sides for a program of this role.
pub fn participants_of(role: Role) -> Participants {
    let (runner, program, runner_is) = match role {
        Role::Server => ("client", "server", Peer::Client),
        Role::Client => ("server", "client", Peer::Server),
        Role::Command => ("conformance", "the program", Peer::Server),
    };
    Participants { runner, program, runner_is }
}

/// Explains the names in the lines of a case.
pub fn legend(case: &CaseRecord) -> String {
    legend_of(case.role, names(counted(case)).len())
}

/// Explains the names in the lines about a program of this role with this number of connections.
pub fn legend_of(role: Role, connections: usize) -> String {
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

/// Everything that happened in a case. The middle of a long conversation is left out.
pub fn items(case: &CaseRecord) -> Vec<Item> {
    let fault = case.finding.as_ref().map(|finding| &finding.fault);
    let wrong = wrong_entry(case);
    let mut writer = LadderWriter::of(case);
    let mut all = Vec::new();
    for (index, entry) in counted(case).iter().enumerate() {
        if let Some(event) = writer.event(entry) {
            all.push(LadderEvent { wrong: wrong == Some(index), ..event });
        }
    }
    // What did not come has no entry. So the end of the wait for it becomes an event.
    if let (None, Some(fault), Some(last)) = (wrong, fault, counted(case).last())
        && fault.lateness() == Lateness::TargetLate
    {
        let words = compare(fault, DEFAULT_WIDTH).came;
        let on = String::new();
        all.push(LadderEvent {
            at: last.at,
            on,
            direction: Direction::Absent,
            words,
            message: None,
            wrong: true,
        });
    }
    // What the program did after the verdict is evidence only if it ended.
    let later = case.transcript.entries[counted(case).len()..].iter();
    let ended = later.filter(|entry| matches!(entry.event, Event::Exited(_)));
    all.extend(ended.filter_map(|entry| writer.event(entry)));
    shortened(all)
}

/// The entries until the case was over.
fn counted(case: &CaseRecord) -> &[Entry] {
    let entries = &case.transcript.entries;
    let end = entries.iter().position(|entry| entry.event == Event::Finished).unwrap_or(entries.len());
    &entries[..end]
}

/// The index of the transcript's entry that shows the fault, if one does.
pub fn wrong_entry(case: &CaseRecord) -> Option<usize> {
    let fault = &case.finding.as_ref()?.fault;
    let on = case.connection.as_deref();
    let concerned = |event: &Event| on.is_none() || event.connection().is_none_or(|name| Some(name) == on);
    counted(case).iter().rposition(|entry| shows(fault, &entry.event) && concerned(&entry.event))
}

/// Whether this event shows the fault.
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

fn shortened(mut all: Vec<LadderEvent>) -> Vec<Item> {
    match all.len().checked_sub(FIRST + LAST) {
        Some(hidden @ 4..) => {
            let tail = all.split_off(FIRST + hidden);
            all.truncate(FIRST);
            let (first, last) = (all.into_iter().map(Item::Event), tail.into_iter().map(Item::Event));
            first.chain([Item::LeftOut(hidden)]).chain(last).collect()
        }
        _ => all.into_iter().map(Item::Event).collect(),
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

/// Puts the events of one conversation into words, one after the other.
#[derive(Clone, Debug)]
pub struct LadderWriter {
    participants: Participants,
    args: Vec<String>,
    /// The connections in the order in which they began.
    names: Vec<String>,
    /// What the client and the server of each connection send.
    readers: BTreeMap<String, (MessageReader, MessageReader)>,
    /// When our connects began.
    begun: BTreeMap<String, Duration>,
}

impl LadderWriter {
    /// For a program of this role, which was started with these arguments. `names` are all connections of the case, in
    /// the order in which they begin.
    pub fn new(role: Role, args: &[String], names: Vec<String>) -> Self {
        let args = args.to_vec();
        Self {
            participants: participants_of(role),
            args,
            names,
            readers: BTreeMap::new(),
            begun: BTreeMap::new(),
        }
    }

    /// For a case that is over.
    pub fn of(case: &CaseRecord) -> Self {
        Self::new(case.role, &case.args, names(counted(case)))
    }

    /// The event of the next entry, if it gets a line.
    pub fn event(&mut self, entry: &Entry) -> Option<LadderEvent> {
        let (direction, words, message) = self.describe(entry)?;
        let on = entry.event.connection().map_or(String::new(), |name| self.prefix(name));
        Some(LadderEvent { at: entry.at, on, direction, words, message, wrong: false })
    }

    fn describe(&mut self, entry: &Entry) -> Option<(Direction, String, Option<MessageBytes>)> {
        let plain = |direction, words: String| Some((direction, words, None));
        let Participants { runner: ours, program: theirs, runner_is: we } = self.participants;
        let close = |by, reset| Direction::Close { by, reset };
        match &entry.event {
            // A ladder has no steps, and reports show the output as a whole.
            Event::Step { .. } | Event::Finished | Event::Output { .. } => None,
            Event::Started => plain(Direction::Start, format!("{theirs} starts{}", self.arguments())),
            Event::Ready => plain(Direction::At(Side::Program), format!("{theirs} listens on TCP port 5678")),
            Event::Exited(exit) => plain(Direction::End, format!("{theirs} ends: {}", ended(*exit))),
            Event::Signalled { signal } => {
                plain(Direction::Signal, format!("{theirs} is sent {}", signal_name(signal.number())))
            }
            Event::Connecting { on: name, to } => {
                self.readers.insert(name.clone(), new_readers());
                self.begun.insert(name.clone(), entry.at);
                plain(Direction::Connect(Side::Runner), format!("{ours} connects to {to}"))
            }
            Event::Opened { on: name, local, accepted: true, .. } => {
                self.readers.insert(name.clone(), new_readers());
                plain(Direction::Connect(Side::Program), format!("{theirs} connects to {local}"))
            }
            Event::Opened { on: name, .. } => {
                let slow = self.begun.get(name).is_some_and(|begun| entry.at > *begun + SLOW);
                slow.then(|| plain(Direction::At(Side::Runner), format!("{ours} is connected"))).flatten()
            }
            Event::Refused { error, .. } => {
                plain(Direction::At(Side::Runner), format!("{ours} cannot connect: {error}"))
            }
            Event::Sent { on: name, bytes, length } => Some(self.message(we, name, bytes, *length)),
            Event::Received { on: name, bytes } => {
                let they = if we == Peer::Client { Peer::Server } else { Peer::Client };
                Some(self.message(they, name, bytes, bytes.len()))
            }
            Event::Ended { by, .. } => {
                let direction = close(Side::Program, *by == EndedBy::Reset);
                plain(direction, format!("{theirs} closes the connection ({by})"))
            }
            Event::Shutdown { .. } => {
                plain(close(Side::Runner, false), format!("{ours} closes its sending side"))
            }
            Event::Dropped { reset: true, .. } => {
                plain(close(Side::Runner, true), format!("{ours} resets the connection"))
            }
            Event::Dropped { .. } => {
                plain(close(Side::Runner, false), format!("{ours} closes the connection"))
            }
            Event::Ports { announced_open, swapped_open } => plain(
                Direction::At(Side::Program),
                match (announced_open, swapped_open) {
                    (true, _) => "the announced test port is open",
                    (false, true) => {
                        "the announced test port is not open, the one with its two bytes swapped is"
                    }
                    (false, false) => "the announced test port is not open",
                }
                .to_owned(),
            ),
            Event::Data(event) => {
                let (direction, words) = describe_data(event);
                plain(direction, words)
            }
            Event::Resources { descriptors, threads } => plain(
                Direction::At(Side::Program),
                format!("{theirs} holds {descriptors} descriptors and {threads} threads"),
            ),
        }
    }

    fn arguments(&self) -> String {
        if self.args.is_empty() { String::new() } else { format!(": {}", command_line(&self.args)) }
    }

    /// The connection in brackets: its name, or a number for a name that the runner chose.
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

    fn message(
        &mut self,
        from: Peer,
        name: &str,
        bytes: &[u8],
        length: usize,
    ) -> (Direction, String, Option<MessageBytes>) {
        let (client, server) = self.readers.entry(name.to_owned()).or_insert_with(new_readers);
        let reader = if from == Peer::Client { client } else { server };
        let NamedBytes { words, parts } = reader.name_fields(bytes, length);
        (Direction::Message(from), words, Some(MessageBytes { bytes: bytes.to_vec(), length, parts }))
    }
}

fn describe_data(event: &DataEvent) -> (Direction, String) {
    let at_program = Direction::At(Side::Program);
    match event {
        DataEvent::Port { port, over, open } => {
            let words = match open {
                Some(true) => format!("{over} port {port} is open"),
                Some(false) => format!("{over} port {port} is not open"),
                None => format!("the system does not show whether {over} port {port} is open"),
            };
            (at_program, words)
        }
        DataEvent::Sent { over, messages, bytes, replies, error, .. } => {
            let error = error.as_ref().map_or(String::new(), |error| format!(" ({error})"));
            (
                Direction::Data,
                format!("{messages} messages, {bytes} bytes over {over}; {replies} replies{error}"),
            )
        }
        DataEvent::Drops { datagrams: Some(datagrams) } => {
            (at_program, format!("the system has dropped {datagrams} datagrams on the way"))
        }
        DataEvent::Drops { datagrams: None } => {
            (at_program, "the system does not count dropped datagrams".to_owned())
        }
        DataEvent::Seen(seen) => (
            Direction::Data,
            format!(
                "{} bytes over TCP, {} datagrams ({} dropped on the way), {} answered",
                seen.stream_bytes, seen.datagrams, seen.dropped, seen.answered
            ),
        ),
        DataEvent::Compared { client_mbit_s, plain_mbit_s } => (
            at_program,
            format!(
                "the client's {client_mbit_s:.0} Mbit/s beside a plain sender's {plain_mbit_s:.0} Mbit/s"
            ),
        ),
    }
}

fn new_readers() -> (MessageReader, MessageReader) {
    (MessageReader::of(Peer::Client), MessageReader::of(Peer::Server))
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
