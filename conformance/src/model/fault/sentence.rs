//! The sentence about each fault, one line for a person.

use std::fmt;

use super::Fault;
use crate::model::bytes::Expected;
use crate::model::notation::{show, show_bytes, times};
use crate::model::transcript::{EndedBy, Exit};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongByte { expected, actual, offset } => write!(
                f,
                "byte {} of the answer is {:02x}, not {} (expected {expected}, got {})",
                offset + 1,
                actual.get(*offset).copied().unwrap_or_default(),
                expected.bytes.get(*offset).map_or("nothing".to_owned(), |byte| match byte {
                    Expected::Exactly(byte) => format!("{byte:02x}"),
                    _ => "any".to_owned(),
                }),
                show_bytes(actual),
            ),
            Self::SurplusBytes { expected, actual } => {
                let surplus = actual.len() - expected.bytes.len();
                write!(f, "{surplus} bytes too many (expected {expected}, got {})", show_bytes(actual))
            }
            Self::EndedBeforeBytes { .. } | Self::BytesMissing { .. } => {
                write!(f, "expected {}, got {}", self.expected(), self.actual())
            }
            Self::BytesTooEarly { actual, after, not_before } => {
                let (after, not_before) = (show(*after), show(*not_before));
                write!(
                    f,
                    "{} came {after} after our last byte, too early: due after {not_before}",
                    show_bytes(actual)
                )
            }
            Self::BytesBeforeClose { actual } => {
                write!(
                    f,
                    "the connection should have been closed without a word, but {} came",
                    show_bytes(actual)
                )
            }
            Self::StillOpen { waited } => {
                write!(f, "the connection was still open {} after our last byte", show(*waited))
            }
            Self::ClosedTooEarly { after, not_before, by } => write!(
                f,
                "the connection was closed ({by}) {} after our last byte, too early: due after {}",
                show(*after),
                show(*not_before)
            ),
            Self::BytesInSilence { actual } => {
                write!(f, "nothing was due yet, but {} came", show_bytes(actual))
            }
            Self::ClosedInSilence { by, after, .. } => {
                write!(
                    f,
                    "the connection was closed ({by}) {} after our last byte, though nothing was wrong",
                    show(*after)
                )
            }
            Self::NotConnected { error } => write!(f, "no connection to port 5678: {error}"),
            Self::NotAccepted { exit: Some(exit), .. } => {
                write!(f, "the client ended with {exit} and had not connected")
            }
            Self::NotAccepted { waited, .. } => {
                write!(f, "the client had not connected to port 5678 after {}", show(*waited))
            }
            Self::WrongAddress { expected, actual } => {
                write!(f, "the client connected to {actual}, not to {expected}")
            }
            Self::NotListening { exit: Some(exit), .. } => {
                write!(f, "the server ended with {exit} and had not listened")
            }
            Self::NotListening { waited, .. } => {
                write!(f, "nothing listened on TCP port 5678 after {}", show(*waited))
            }
            Self::StillRunning { waited } => {
                write!(f, "the process was still running after {}", show(*waited))
            }
            Self::NoLongerRunning { exit } => write!(f, "the process ended too soon, with {exit}"),
            Self::WrongExit { exit, .. } => {
                write!(f, "the process ended with {exit}, not with {}", self.expected())
            }
            Self::NotPrinted { text, waited } => {
                write!(f, "\"{text}\" was not printed within {}", show(*waited))
            }
            Self::PrintedTimes { text, times: found, wanted } => {
                write!(f, "\"{text}\" was printed {}, not {}", times(*found), times(*wanted))
            }
            Self::Printed { found, .. } => {
                write!(f, "\"{}\" was printed and should not have been by then", found.escape_debug())
            }
            Self::NoMessage => f.write_str("nothing was printed that says what went wrong"),
            Self::StackTrace { runtime, line } => write!(f, "a {runtime} stack trace was printed: {line}"),
            Self::Killed { signal } => write!(f, "the process was killed by {}", Exit::Signal(*signal)),
            Self::ArgumentsTaken { .. } => {
                write!(f, "its arguments should have been refused, but {}", self.actual())
            }
            Self::Connected => f.write_str("it connected, and should have refused its arguments before"),
            Self::Data(fault) => fault.fmt(f),
            Self::PortZero => f.write_str("the announced test port is 0"),
            Self::PortSwapped { announced, open } => write!(
                f,
                "the announced test port {announced} ({:02x} {:02x}) is not open, but {open} is: the two bytes are swapped",
                announced >> 8,
                announced & 0xff
            ),
            Self::NoPort => f.write_str("no test port was announced"),
            Self::DataThreadRuns { opened, closed, waited } => write!(
                f,
                "the data thread of a test that was given up had not ended after {} (opened {}, closed {})",
                show(*waited),
                times(*opened),
                times(*closed)
            ),
            Self::Leaked { before, between, after } => write!(
                f,
                "descriptors grow with the sessions from {} to {} to {}, threads from {} to {} to {}",
                before.0, between.0, after.0, before.1, between.1, after.1
            ),
        }
    }
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfFile => "end-of-file",
            Self::Reset => "reset",
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "signal {number} ({signal})"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}
