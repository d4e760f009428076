//! What can be wrong with test data, with the numbers that prove it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lateness::Lateness;
use crate::model::data::{Figure, Transport};
use crate::model::notation::{of, show};
use crate::model::tolerance::seconds;

/// What is wrong with the test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "data")]
pub enum DataFault {
    /// Nothing is open at the announced port.
    PortClosed {
        /// The number.
        port: u16,
        /// What should be open there.
        over: Transport,
    },
    /// The announced port is still open.
    PortHeld {
        /// The number.
        port: u16,
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// The server did not take what the runner sent.
    NotTaken {
        /// Messages that it took.
        messages: u64,
        /// What the system said.
        error: String,
    },
    /// Another number of replies than was due.
    Replies {
        /// Bytes or datagrams that were sent.
        sent: u64,
        /// Bytes or datagrams that came back.
        replies: u64,
        /// Over what.
        over: Transport,
    },
    /// A reply of another length.
    ReplyLength {
        /// Its length.
        bytes: usize,
    },
    /// A stranger's datagram was answered.
    StrangerAnswered {
        /// How many were.
        replies: u64,
    },
    /// Results has another count.
    WrongCount {
        /// The count in Results.
        told: u64,
        /// What arrived.
        arrived: u64,
    },
    /// The kernel threw datagrams away. So the count cannot be judged.
    Dropped {
        /// The count in Results.
        told: u64,
        /// What was sent.
        sent: u64,
        /// What was thrown away; `None` if the system does not show it.
        dropped: Option<u64>,
    },
    /// No data came to the runner's test port.
    NoData {
        /// Over what it was due.
        over: Transport,
        /// Whether some came over the other protocol.
        other: bool,
    },
    /// Too little data to judge.
    TooLittle {
        /// Round trips, or datagrams, that were made.
        messages: u64,
    },
    /// The client paused.
    Paused {
        /// Reads that found nothing.
        starved: u64,
        /// All reads.
        reads: u64,
    },
    /// Datagrams of another length.
    DatagramLength {
        /// The smallest.
        smallest: usize,
        /// The largest.
        largest: usize,
        /// What they should all be.
        wanted: usize,
    },
    /// The datagrams did not come during the whole test.
    PartOfTheTime {
        /// From the first to the last.
        #[serde(rename = "span_s", with = "seconds")]
        span: Duration,
        /// The time of the test.
        #[serde(rename = "test_s", with = "seconds")]
        test: Duration,
        /// The longest time without any.
        #[serde(rename = "pause_s", with = "seconds")]
        pause: Duration,
    },
    /// The client sent more before it had its reply.
    Ahead {
        /// How often.
        ahead: u64,
        /// Replies that were held back.
        held: u64,
    },
    /// The client stopped at the first reply that did not come.
    EndedByLoss,
    /// No such figure in the output.
    NoFigure {
        /// Which.
        figure: Figure,
        /// How long the runner waited.
        #[serde(rename = "waited_s", with = "seconds")]
        waited: Duration,
    },
    /// A wrong figure.
    WrongFigure {
        /// Which.
        figure: Figure,
        /// What the client reports.
        told: Vec<f64>,
        /// What is right, in every way of counting it.
        right: Vec<f64>,
        /// How far it may be off: a share of it, or points of percent.
        tolerance: String,
    },
}

impl DataFault {
    /// Whether a busy machine can have caused it.
    pub(super) fn lateness(&self) -> Lateness {
        match self {
            Self::Dropped { .. } => Lateness::Always,
            Self::PortHeld { .. }
            | Self::NotTaken { .. }
            | Self::Replies { .. }
            | Self::WrongCount { .. }
            | Self::TooLittle { .. }
            | Self::NoData { .. }
            | Self::Paused { .. }
            | Self::PartOfTheTime { .. }
            | Self::EndedByLoss
            | Self::NoFigure { .. }
            | Self::WrongFigure { .. } => Lateness::TargetLate,
            // When the runner looks late, the client may have given up the test already.
            Self::Ahead { .. } | Self::PortClosed { .. } => Lateness::RunnerLate,
            _ => Lateness::Irrelevant,
        }
    }

    /// What was due, in a few words.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::PortClosed { port, over } => format!("{over} port {port} open when Reply arrives"),
            Self::PortHeld { port, .. } => format!("port {port} free after the test"),
            Self::NotTaken { .. } => "an open data connection".to_owned(),
            Self::Replies { sent, over: Transport::Tcp, .. } => format!("{} back", of(*sent, "byte")),
            Self::Replies { sent, .. } => format!("{} back", of(*sent, "datagram")),
            Self::ReplyLength { .. } => "replies as long as the requests".to_owned(),
            Self::StrangerAnswered { .. } => "no reply to another address than the client's".to_owned(),
            Self::WrongCount { arrived, .. } => format!("{arrived} datagrams in Results"),
            Self::Dropped { .. } => "no datagram thrown away by the kernel".to_owned(),
            Self::NoData { over, .. } => format!("data over {over} at the announced port"),
            Self::TooLittle { .. } => "enough round trips to judge them".to_owned(),
            Self::Paused { .. } => "data whenever a slow reader asks for more".to_owned(),
            Self::DatagramLength { wanted, .. } => format!("{wanted} bytes in every datagram"),
            Self::PartOfTheTime { test, .. } => format!("data during all of {}", show(*test)),
            Self::Ahead { .. } => "nothing before the reply".to_owned(),
            Self::EndedByLoss => "the next round trip after one that was lost".to_owned(),
            Self::NoFigure { figure, .. } => format!("a number with {figure}"),
            Self::WrongFigure { figure, right, tolerance, .. } => {
                format!("{} {figure}, give or take {tolerance}", numbers(right, " or "))
            }
        }
    }

    /// What came instead, in a few words.
    pub(super) fn actual(&self) -> String {
        match self {
            Self::PortClosed { .. } => "nothing open there".to_owned(),
            Self::PortHeld { waited, .. } => format!("still open after {}", show(*waited)),
            Self::NotTaken { messages, error } => format!("{error}, after {}", of(*messages, "message")),
            Self::Replies { replies, .. } => format!("{replies}"),
            Self::ReplyLength { bytes } => format!("{bytes} bytes"),
            Self::StrangerAnswered { replies } => format!("{replies} replies"),
            Self::WrongCount { told, .. } => format!("{told}"),
            Self::Dropped { dropped, .. } => match dropped {
                Some(dropped) => format!("{dropped} thrown away"),
                None => "the system does not tell".to_owned(),
            },
            Self::NoData { other: true, over } => match over {
                Transport::Tcp => "data over UDP".to_owned(),
                Transport::Udp => "data over TCP".to_owned(),
            },
            Self::NoData { .. } => "none".to_owned(),
            Self::TooLittle { messages } => format!("{messages}"),
            Self::Paused { starved, reads } => format!("nothing at {starved} of {reads} reads"),
            Self::DatagramLength { smallest, largest, .. } if smallest == largest => {
                format!("{smallest} bytes")
            }
            Self::DatagramLength { smallest, largest, .. } => format!("{smallest} to {largest} bytes"),
            Self::PartOfTheTime { span, pause, .. } => {
                format!("data for {}, the longest pause {}", show(*span), show(*pause))
            }
            Self::Ahead { ahead, .. } => format!("more came {ahead} times"),
            Self::EndedByLoss => "nothing more".to_owned(),
            Self::NoFigure { .. } => "none in the output".to_owned(),
            Self::WrongFigure { told, .. } => numbers(told, ", "),
        }
    }
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortClosed { port, over } => write!(
                f,
                "no {over} socket is open at the announced test port {port} when Reply arrives \
                 (a tester of Part 1 opens none: grade it with --part p1)"
            ),
            Self::PortHeld { port, waited } => {
                write!(f, "the test port {port} was still open {} after the test", show(*waited))
            }
            Self::NotTaken { messages, error } => {
                write!(f, "the data could not be sent: {error}, after {}", of(*messages, "message"))
            }
            Self::Replies { .. } => write!(f, "{} due, and {} came", self.expected(), self.actual()),
            Self::ReplyLength { bytes } => {
                write!(f, "a reply of {bytes} bytes came, not as long as the request")
            }
            Self::StrangerAnswered { replies } => {
                write!(f, "{replies} replies went to an address that is not the control client's")
            }
            Self::WrongCount { told, arrived } => {
                write!(f, "Results tells {told} datagrams, and {arrived} have arrived")
            }
            Self::Dropped { told, sent, .. } => write!(
                f,
                "Results tells {told} of {sent} datagrams, but the kernel threw some away ({})",
                self.actual()
            ),
            Self::NoData { over, other } => {
                write!(f, "no data came over {over} to the announced test port")?;
                if *other { write!(f, ", but {}", self.actual()) } else { Ok(()) }
            }
            Self::TooLittle { messages } => write!(f, "only {messages} messages came, too few to judge by"),
            Self::Paused { starved, reads } => write!(
                f,
                "the client paused: a slow reader (105 Mbit/s) found nothing to read at {starved} of {reads} looks"
            ),
            Self::DatagramLength { wanted, .. } => {
                write!(f, "the datagrams carry {}, not {wanted} bytes", self.actual())
            }
            Self::PartOfTheTime { test, .. } => write!(f, "{} of a test of {}", self.actual(), show(*test)),
            Self::Ahead { ahead, held } => write!(
                f,
                "the client sent more before it had its reply, {ahead} times ({held} replies were held back)"
            ),
            Self::EndedByLoss => f.write_str("no round trip followed the first that was not answered"),
            Self::NoFigure { figure, waited } => {
                write!(f, "no number with {figure} was printed within {}", show(*waited))
            }
            Self::WrongFigure { figure, .. } => {
                write!(f, "the client reports {} {figure}; right is {}", self.actual(), self.expected())
            }
        }
    }
}

/// Figures as a person compares them: whole from 100 on, otherwise with two decimals.
fn numbers(figures: &[f64], between: &str) -> String {
    let shown = figures.iter().map(|figure| match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        _ => format!("{figure:.2}"),
    });
    let mut shown: Vec<String> = shown.collect();
    shown.dedup();
    shown.join(between)
}
