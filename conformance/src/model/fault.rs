//! What can be wrong, with the bytes and times that prove it. `judge` finds it, and the reports show it.

mod sentence;

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data_fault::DataFault;
use super::lateness::Lateness;
use crate::model::bytes::Pattern;
use crate::model::notation::{show, show_bytes, times};
use crate::model::requirement::RequirementId;
use crate::model::step::Status;
use crate::model::tolerance::seconds;
use crate::model::transcript::{EndedBy, Exit};

/// What is wrong, and the requirements that fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The step's index in the case.
    pub step: usize,
    /// The requirements that do not hold.
    pub charged: Vec<RequirementId>,
    /// What is wrong.
    pub fault: Fault,
}

/// What was found wrong in one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// A byte differs.
    WrongByte {
        /// What was due.
        expected: Pattern,
        /// What came, from the first byte due on.
        actual: Vec<u8>,
        /// The index of the first wrong byte.
        offset: usize,
    },
    /// More bytes than were due.
    SurplusBytes {
        /// What was due.
        expected: Pattern,
        /// What came.
        actual: Vec<u8>,
    },
    /// The connection ended before all bytes came.
    EndedBeforeBytes {
        /// What was due.
        expected: Pattern,
        /// The bytes that came.
        actual: Vec<u8>,
        /// How it ended.
        by: EndedBy,
    },
    /// Not all of the bytes came in time.
    BytesMissing {
        /// What was due.
        expected: Pattern,
        /// The bytes that came.
        actual: Vec<u8>,
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// The right bytes, too early.
    BytesTooEarly {
        /// What came.
        actual: Vec<u8>,
        /// When, since our last byte.
        #[serde(rename = "after_s", with = "seconds")]
        after: Duration,
        /// When at the earliest.
        #[serde(rename = "not_before_s", with = "seconds")]
        not_before: Duration,
    },
    /// Bytes where only a close was due.
    BytesBeforeClose {
        /// What came.
        actual: Vec<u8>,
    },
    /// The connection was still open.
    StillOpen {
        /// How long the runner waited after its last byte.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// The connection was closed too early.
    ClosedTooEarly {
        /// When, since our last byte.
        #[serde(rename = "after_s", with = "seconds")]
        after: Duration,
        /// When at the earliest.
        #[serde(rename = "not_before_s", with = "seconds")]
        not_before: Duration,
        /// How.
        by: EndedBy,
    },
    /// Bytes where nothing was due.
    BytesInSilence {
        /// What came.
        actual: Vec<u8>,
    },
    /// A close where nothing was due.
    ClosedInSilence {
        /// How.
        by: EndedBy,
        /// When, since our last byte.
        #[serde(rename = "after_s", with = "seconds")]
        after: Duration,
        /// When at the earliest; zero in a report of an older version.
        #[serde(default, rename = "not_before_s", with = "seconds")]
        not_before: Duration,
    },
    /// We could not connect.
    NotConnected {
        /// What the system said.
        error: String,
    },
    /// The target did not connect.
    NotAccepted {
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
        /// How it ended meanwhile, if it did.
        exit: Option<Exit>,
    },
    /// The target connected to another address.
    WrongAddress {
        /// The right address.
        expected: String,
        /// Its address.
        actual: String,
    },
    /// The target does not listen.
    NotListening {
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
        /// How it ended meanwhile, if it did.
        exit: Option<Exit>,
    },
    /// The process did not end.
    StillRunning {
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// The process ended too soon.
    NoLongerRunning {
        /// How.
        exit: Exit,
    },
    /// The process ended in a wrong way.
    WrongExit {
        /// How.
        exit: Exit,
        /// What was due.
        wanted: Status,
    },
    /// A text did not come.
    NotPrinted {
        /// The text or pattern.
        text: String,
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// A text came more or less often than it must.
    PrintedTimes {
        /// The text or pattern.
        text: String,
        /// How often.
        times: usize,
        /// How often it must come.
        wanted: usize,
    },
    /// A text came that must not come, or not yet.
    Printed {
        /// The pattern.
        text: String,
        /// The part of the output that matches.
        found: String,
    },
    /// No message for the user.
    NoMessage,
    /// A stack trace in the output.
    StackTrace {
        /// Of this runtime.
        runtime: String,
        /// The line that shows it.
        line: String,
    },
    /// A signal that the case did not send killed the process.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The target connected, though it must not.
    Connected,
    /// The program accepted arguments that it must refuse. A slow machine does not excuse that.
    ArgumentsTaken {
        /// Whether it listens on the control port. Otherwise it has connected and continues.
        listens: bool,
    },
    /// Something is wrong with the test data.
    Data(DataFault),
    /// The announced test port is 0.
    PortZero,
    /// The two bytes of the announced test port are swapped.
    PortSwapped {
        /// The announced port.
        announced: u16,
        /// The port that is open.
        open: u16,
    },
    /// No Reply announced a port.
    NoPort,
    /// The program did not print the data thread's closing line, and its resources are not free.
    DataThreadRuns {
        /// The number of opening lines.
        opened: usize,
        /// The number of closing lines.
        closed: usize,
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// Descriptors or threads grew in each of two blocks of sessions.
    Leaked {
        /// Descriptors and threads before the first block.
        before: (usize, usize),
        /// Between the two blocks.
        #[serde(default)]
        between: (usize, usize),
        /// After the second block.
        after: (usize, usize),
    },
}

/// The kind of a fault, without its values.
pub type FaultKind = (Discriminant<Fault>, Option<Discriminant<DataFault>>);

impl Fault {
    /// Its kind.
    pub fn kind(&self) -> FaultKind {
        let of_data = match self {
            Self::Data(fault) => Some(discriminant(fault)),
            _ => None,
        };
        (discriminant(self), of_data)
    }

    /// Whether a busy machine can have caused it.
    pub fn lateness(&self) -> Lateness {
        match self {
            Self::BytesMissing { .. }
            | Self::StillOpen { .. }
            | Self::NotListening { exit: None, .. }
            | Self::NotAccepted { exit: None, .. }
            | Self::StillRunning { .. }
            | Self::NotPrinted { .. }
            | Self::DataThreadRuns { .. }
            | Self::Leaked { .. } => Lateness::TargetLate,
            Self::BytesTooEarly { .. }
            | Self::ClosedTooEarly { .. }
            | Self::ClosedInSilence { .. }
            | Self::EndedBeforeBytes { .. }
            | Self::Printed { .. }
            | Self::BytesInSilence { .. } => Lateness::RunnerLate,
            Self::Data(fault) => fault.lateness(),
            _ => Lateness::Irrelevant,
        }
    }

    /// How late the runner must have been to cause it, if that is known. Either it noted its own byte late, by the time
    /// that is missing; or it acted too late, the target rightly gave up, and did so at most `after` later.
    pub fn earliness(&self) -> Option<Duration> {
        match self {
            Self::BytesTooEarly { after, not_before, .. }
            | Self::ClosedTooEarly { after, not_before, .. }
            | Self::ClosedInSilence { after, not_before, .. } => {
                Some(not_before.saturating_sub(*after).min(*after))
            }
            _ => None,
        }
    }

    /// Whether bytes came that are wrong. Bytes that are missing or come at a wrong time do not count.
    pub fn is_of_content(&self) -> bool {
        match self {
            Self::WrongByte { .. }
            | Self::SurplusBytes { .. }
            | Self::BytesBeforeClose { .. }
            | Self::BytesInSilence { .. } => true,
            Self::EndedBeforeBytes { actual, .. } | Self::BytesMissing { actual, .. } => !actual.is_empty(),
            _ => false,
        }
    }

    /// What was due, in a few words or bytes.
    pub fn expected(&self) -> String {
        match self {
            Self::WrongByte { expected, .. }
            | Self::SurplusBytes { expected, .. }
            | Self::EndedBeforeBytes { expected, .. }
            | Self::BytesMissing { expected, .. } => expected.to_string(),
            Self::BytesTooEarly { not_before, .. } => format!("not before {}", show(*not_before)),
            Self::BytesBeforeClose { .. } => "a close, and not one byte before it".to_owned(),
            Self::StillOpen { waited } => format!("a close within {}", show(*waited)),
            Self::ClosedTooEarly { not_before, .. } => format!("open until {} at least", show(*not_before)),
            Self::BytesInSilence { .. } => "nothing sent yet".to_owned(),
            Self::ClosedInSilence { .. } => "an open connection".to_owned(),
            Self::NotConnected { .. } => "a connection to port 5678".to_owned(),
            Self::NotAccepted { waited, .. } => format!("a connection within {}", show(*waited)),
            Self::WrongAddress { expected, .. } => format!("a connection to {expected}"),
            Self::NotListening { waited, .. } => {
                format!("listening on TCP port 5678 within {}", show(*waited))
            }
            Self::StillRunning { waited } => format!("the process ends within {}", show(*waited)),
            Self::NoLongerRunning { .. } => "the process goes on".to_owned(),
            Self::WrongExit { wanted: Status::Zero, .. } => "exit status 0".to_owned(),
            Self::WrongExit { wanted: Status::Nonzero, .. } => "an exit status from 1 to 255".to_owned(),
            Self::NotPrinted { text, waited } => format!("\"{text}\" in the output within {}", show(*waited)),
            Self::PrintedTimes { text, wanted, .. } => format!("\"{text}\" {}", times(*wanted)),
            Self::Printed { text, .. } => format!("no \"{text}\" in the output by now"),
            Self::NoMessage => "a message that says what went wrong".to_owned(),
            Self::StackTrace { .. } => "no stack trace".to_owned(),
            Self::Killed { .. } => "an orderly end".to_owned(),
            Self::Connected => "no connection".to_owned(),
            Self::ArgumentsTaken { .. } => "the arguments are refused".to_owned(),
            Self::Data(fault) => fault.expected(),
            Self::PortZero => "a test port other than 0".to_owned(),
            Self::PortSwapped { open, .. } => format!("port {open} as {:02x} {:02x}", open >> 8, open & 0xff),
            Self::NoPort => "an announced test port".to_owned(),
            Self::DataThreadRuns { waited, .. } => format!("the data thread ends within {}", show(*waited)),
            Self::Leaked { between, .. } => {
                format!("{} descriptors and {} threads, as after the block before", between.0, between.1)
            }
        }
    }

    /// What came instead, in a few words or bytes.
    pub fn actual(&self) -> String {
        match self {
            Self::WrongByte { actual, .. }
            | Self::SurplusBytes { actual, .. }
            | Self::BytesBeforeClose { actual }
            | Self::BytesInSilence { actual } => show_bytes(actual),
            Self::EndedBeforeBytes { actual, by, .. } => match actual.len() {
                0 => format!("{by} before the first byte"),
                _ => format!("{}, then {by}", show_bytes(actual)),
            },
            Self::BytesMissing { actual, waited, .. } => match actual.len() {
                0 => format!("nothing within {}", show(*waited)),
                _ => format!("{}, then nothing within {}", show_bytes(actual), show(*waited)),
            },
            Self::BytesTooEarly { actual, after, .. } => {
                format!("{} after {}", show_bytes(actual), show(*after))
            }
            Self::StillOpen { waited } => format!("still open after {}", show(*waited)),
            Self::ClosedTooEarly { after, by, .. } => format!("{by} after {}", show(*after)),
            Self::ClosedInSilence { by, after, .. } => format!("{by} after {}", show(*after)),
            Self::NotConnected { error } => error.clone(),
            Self::NotAccepted { exit, waited } | Self::NotListening { exit, waited } => match exit {
                Some(exit) => format!("it ended with {exit}"),
                None => format!("nothing within {}", show(*waited)),
            },
            Self::WrongAddress { actual, .. } => format!("a connection to {actual}"),
            Self::StillRunning { waited } => format!("still running after {}", show(*waited)),
            Self::NoLongerRunning { exit } => format!("it ended with {exit}"),
            Self::WrongExit { exit, .. } => exit.to_string(),
            Self::NotPrinted { .. } => "not in the output".to_owned(),
            Self::PrintedTimes { times: found, .. } => times(*found),
            Self::Printed { found, .. } => format!("\"{}\"", found.escape_debug()),
            Self::NoMessage => "no message".to_owned(),
            Self::StackTrace { line, .. } => line.clone(),
            Self::Killed { signal } => format!("killed by {}", Exit::Signal(*signal)),
            Self::Connected => "a connection".to_owned(),
            Self::ArgumentsTaken { listens: true } => "it listens on TCP port 5678".to_owned(),
            Self::ArgumentsTaken { listens: false } => "it connects, and goes on".to_owned(),
            Self::Data(fault) => fault.actual(),
            Self::PortZero => "port 0".to_owned(),
            Self::PortSwapped { announced, .. } => format!("{:02x} {:02x}", announced >> 8, announced & 0xff),
            Self::NoPort => "none".to_owned(),
            Self::DataThreadRuns { opened, closed, .. } => {
                format!("{opened} times \"Data thread opening\", {closed} times \"Data thread closing\"")
            }
            Self::Leaked { after, .. } => format!("{} descriptors and {} threads", after.0, after.1),
        }
    }
}
