//! A failed case as the recognisers of `cause/` see it: the role, the connection that failed, the progress of its
//! session, and the state of the program.

use std::ops::Range;
use std::time::Duration;

use tester::protocol::fault::Fault as Flaw;
use tester::protocol::message::{Done, Message, MessageType, Request, TestType};

use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::outcome::CaseRecord;
use crate::model::requirement::RequirementId;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{EndedBy, Entry, Event, Exit};
use crate::words::dialogue::shortened;

/// A failed case with its fault.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) case: &'a CaseRecord,
    pub(super) fault: &'a Fault,
    pub(super) tolerances: &'a Tolerances,
    /// What happened up to the verdict.
    pub(super) entries: &'a [Entry],
    /// The connection of the fault, if there is one.
    pub(super) connection: Connection<'a>,
}

/// One connection since it was opened last.
#[derive(Debug, Default)]
pub(super) struct Connection<'a> {
    pub(super) name: &'a str,
    pub(super) opened: Option<Duration>,
    pub(super) sent: Vec<(Duration, &'a [u8])>,
    pub(super) received: Vec<(Duration, &'a [u8])>,
    pub(super) ended: Option<(Duration, EndedBy)>,
    pub(super) refused: bool,
    pub(super) half_closed: bool,
    /// Whether we left by a reset, if we left.
    pub(super) left: Option<bool>,
}

/// What the client of a session has sent.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// Nothing yet.
    Silent,
    /// A part of a good Request.
    PartOfRequest,
    /// A whole Request.
    Asked(TestType),
    /// A whole Request, and a part of a good Done.
    PartOfDone(TestType),
    /// Request and Done, and the number of bytes after them.
    Finished(TestType, usize),
    /// Other bytes where a Request is due.
    BadRequest(Flaw),
    /// Other bytes where a Done is due.
    BadDone(Flaw),
}

impl<'a> Context<'a> {
    /// The context of a case that failed; `None` for any other.
    pub(super) fn of(case: &'a CaseRecord, tolerances: &'a Tolerances) -> Option<Self> {
        let fault = &case.finding.as_ref()?.fault;
        let all = &case.transcript.entries;
        let end = all.iter().position(|entry| entry.event == Event::Finished).unwrap_or(all.len());
        let entries = &all[..end];
        let connection =
            focus(case, entries, fault).map(|name| Connection::of(entries, name)).unwrap_or_default();
        Some(Self { case, fault, tolerances, entries, connection })
    }

    /// What the program was started as.
    pub(super) fn role(&self) -> Role {
        self.case.role
    }

    /// Whether the case failed on this requirement, or on one of this area.
    pub(super) fn is_about(&self, prefix: &str) -> bool {
        let fits = |id: &RequirementId| id.to_string() == prefix || id.area() == prefix;
        self.case.charged.iter().any(fits)
    }

    /// How the program had ended before the verdict or at it, if it had.
    pub(super) fn exit(&self) -> Option<Exit> {
        let all = &self.case.transcript.entries;
        let since = all.iter().rposition(|entry| entry.event == Event::Started).unwrap_or(0);
        all[since..].iter().rev().find_map(|entry| match entry.event {
            Event::Exited(exit) => Some(exit),
            _ => None,
        })
    }

    /// Whether the runner had sent a signal to it since its latest start.
    pub(super) fn was_signalled(&self) -> bool {
        let since = self.entries.iter().rposition(|entry| entry.event == Event::Started).unwrap_or(0);
        self.entries[since..].iter().any(|entry| matches!(entry.event, Event::Signalled { .. }))
    }

    /// Whether it had ended by itself before the runner sent it a signal.
    pub(super) fn had_ended_before_signal(&self) -> bool {
        let position = |test: fn(&Event) -> bool| self.entries.iter().rposition(|entry| test(&entry.event));
        let exited = position(|event| matches!(event, Event::Exited(_)));
        exited
            .zip(position(|event| matches!(event, Event::Signalled { .. })))
            .is_some_and(|(end, signal)| end < signal)
    }

    /// Whether it was started more than once.
    pub(super) fn was_restarted(&self) -> bool {
        self.entries.iter().filter(|entry| entry.event == Event::Started).count() > 1
    }

    /// Everything that it printed, on both streams.
    pub(super) fn output(&self) -> String {
        format!("{}\n{}", self.case.stdout, self.case.stderr)
    }

    /// What it said when it ended: the first line on standard error, or else on standard output.
    pub(super) fn said(&self) -> String {
        const SHOWN: usize = 80;
        let first = |text: &str| text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        let line = first(&self.case.stderr).or_else(|| first(&self.case.stdout));
        line.map_or_else(|| "nothing".to_owned(), |line| shortened(&line, SHOWN))
    }

    /// What the program is called in a sentence.
    pub(super) fn name(&self) -> &'static str {
        match self.role() {
            Role::Server => "server",
            Role::Client => "client",
            Role::Command => "program",
        }
    }

    /// The other connections, in the order in which they were opened last.
    pub(super) fn others(&self) -> Vec<Connection<'a>> {
        let mut names: Vec<&str> = Vec::new();
        for entry in self.entries {
            if let Event::Connecting { on, .. } | Event::Opened { on, accepted: true, .. } = &entry.event {
                names.retain(|name| name != on);
                names.push(on);
            }
        }
        names.retain(|name| *name != self.connection.name);
        names.into_iter().map(|name| Connection::of(self.entries, name)).collect()
    }

    /// Whether another client's test was running.
    pub(super) fn another_test_runs(&self) -> bool {
        let runs = |connection: &Connection<'_>| connection.is_open() && !connection.received.is_empty();
        self.others().iter().any(runs)
    }

    /// The number of sessions in which the server answered a Request.
    pub(super) fn sessions(&self) -> usize {
        let answered = |connection: &Connection<'_>| usize::from(connection.has_reply());
        self.others().iter().map(answered).sum::<usize>() + answered(&self.connection)
    }

    /// The value of an option that it was started with.
    pub(super) fn option(&self, name: &str) -> Option<&'a str> {
        let mut args = self.case.args.iter();
        while let Some(arg) = args.next() {
            if let Some(value) = arg.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
            if arg == name {
                return args.next().map(String::as_str);
            }
        }
        None
    }
}

/// The connection of the step that failed. If it is not known: the one on which the wrong bytes came, or else the one of
/// the last event.
fn focus<'a>(case: &'a CaseRecord, entries: &'a [Entry], fault: &Fault) -> Option<&'a str> {
    let named = case.connection.as_deref();
    // A step about output or an exit names a connection only by default. It may be of an earlier start.
    let since = entries.iter().rposition(|entry| entry.event == Event::Started).unwrap_or(0);
    if let Some(name) =
        named.filter(|name| entries[since..].iter().any(|entry| entry.event.connection() == Some(name)))
    {
        return Some(name);
    }
    let wrong = match fault {
        Fault::WrongByte { actual, .. }
        | Fault::SurplusBytes { actual, .. }
        | Fault::BytesTooEarly { actual, .. }
        | Fault::BytesBeforeClose { actual }
        | Fault::BytesInSilence { actual } => actual.as_slice(),
        _ => &[],
    };
    let came_on = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Received { on, bytes } if !wrong.is_empty() && !bytes.is_empty() => {
            Connection::of(entries, on).received_bytes().ends_with(wrong).then_some(on.as_str())
        }
        _ => None,
    });
    came_on.or_else(|| entries.iter().rev().find_map(|entry| entry.event.connection()))
}

impl<'a> Connection<'a> {
    fn of(entries: &'a [Entry], name: &'a str) -> Self {
        let mut connection = Self { name, ..Self::default() };
        for entry in entries.iter().filter(|entry| entry.event.connection() == Some(name)) {
            match &entry.event {
                Event::Connecting { .. } => connection = Self { name, ..Self::default() },
                Event::Opened { accepted: true, .. } => {
                    connection = Self { name, opened: Some(entry.at), ..Self::default() };
                }
                Event::Opened { .. } => connection.opened = Some(entry.at),
                Event::Refused { .. } => connection.refused = true,
                Event::Sent { bytes, .. } => connection.sent.push((entry.at, bytes)),
                Event::Received { bytes, .. } => connection.received.push((entry.at, bytes)),
                Event::Ended { by, .. } => {
                    connection.ended.get_or_insert((entry.at, *by));
                }
                Event::Shutdown { .. } => connection.half_closed = true,
                Event::Dropped { reset, .. } => connection.left = Some(*reset),
                _ => {}
            }
        }
        connection
    }

    /// All bytes that we sent and that were kept.
    pub(super) fn sent_bytes(&self) -> Vec<u8> {
        self.sent.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// All bytes that came.
    pub(super) fn received_bytes(&self) -> Vec<u8> {
        self.received.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// The time of our last byte.
    pub(super) fn last_sent(&self) -> Option<Duration> {
        self.sent.last().map(|(at, _)| *at)
    }

    /// Whether a segment began with our byte at `offset`.
    pub(super) fn cut_before(&self, offset: usize) -> bool {
        let mut begins = 0;
        self.sent.iter().any(|(_, bytes)| {
            let begun = begins;
            begins += bytes.len();
            begun == offset
        })
    }

    /// Whether neither side has left it.
    pub(super) fn is_open(&self) -> bool {
        self.opened.is_some() && self.ended.is_none() && self.left.is_none()
    }

    /// Whether our bytes in this range went out in more than one segment.
    pub(super) fn is_cut(&self, message: Range<usize>) -> bool {
        (message.start + 1..message.end).any(|offset| self.cut_before(offset))
    }

    /// The progress of the session, if we are its client.
    pub(super) fn progress(&self) -> Progress {
        let sent = self.sent_bytes();
        if sent.is_empty() {
            return Progress::Silent;
        }
        let request = match Request::decode_first(&sent) {
            Ok(request) => request,
            Err(Flaw::Truncated { .. }) => return Progress::PartOfRequest,
            Err(flaw) => return Progress::BadRequest(flaw),
        };
        let rest = &sent[Request::SIZE..];
        if rest.is_empty() {
            return Progress::Asked(request.test);
        }
        match Done::decode_first(rest) {
            Ok(_) => Progress::Finished(request.test, rest.len() - Done::SIZE),
            Err(Flaw::Truncated { .. }) => Progress::PartOfDone(request.test),
            Err(flaw) => Progress::BadDone(flaw),
        }
    }

    /// Whether the server's Reply had come.
    pub(super) fn has_reply(&self) -> bool {
        self.received_bytes().starts_with(&[1, MessageType::Reply as u8])
    }
}
