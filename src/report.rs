//! The client's report: the figures of a test, as text for a person and as JSON for a program.
//!
//! The text's figures are lines that a program can find as well. Each stands alone on its line, once, after everything
//! else of its unit, as `name: number unit`, with a point for the decimals and no other mark in the number:
//!
//! ```text
//! Throughput: 941.23 Mbit/s          STREAM tests: payload that arrived (or was sent, where that is not known)
//! Round trips: 12345.6 per second    RR tests: those that were answered in time
//! Loss: 25.000 %                     UDP tests: what Results lacks of what was sent, in percent of that
//! UDP packets received by the server: 1234      UDP tests, also with --no-data: the count of Results
//! ```
//!
//! Where nothing was measured the first three are missing, and a line that begins with `Nothing was measured:` says why;
//! with `--no-data` that line is missing as well.

mod json;
mod plot;
mod text;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::intervals::Interval;
use crate::protocol::message::TestType;
use crate::tally::{Tally, loss_percent, megabits_per_second, per_second};
pub(crate) use json::json;
pub(crate) use text::{live, text};

/// A test that was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome<'a> {
    pub(crate) test: TestType,
    /// The control connection's other end.
    pub(crate) server: SocketAddr,
    /// What `--time` asked for.
    pub(crate) time: Duration,
    /// The test port that the server announced.
    pub(crate) port: NonZeroU16,
    /// From Results; nothing if the test failed before it.
    pub(crate) udp_packets_received: Option<u64>,
    /// What the client counted; nothing with `--no-data`.
    pub(crate) tally: Option<&'a Tally>,
    pub(crate) intervals: &'a [Interval],
    /// Why the test failed, if it did.
    pub(crate) failure: Option<&'a str>,
}

/// What follows from the counts. Figures of the sender's side and of the receiver's are never mixed in one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    /// Whether the throughput is that of the data that arrived. If that is not known, it is that of the data sent.
    arrived: bool,
    /// Bytes of payload, of that side.
    bytes: Option<u64>,
    megabits_per_second: Option<f64>,
    round_trips_per_second: Option<f64>,
    loss_percent: Option<f64>,
}

impl Outcome<'_> {
    fn is_round_trips(&self) -> bool {
        matches!(self.test, TestType::TcpRr | TestType::UdpRr)
    }

    /// Why there are no figures, if there are none.
    fn nothing(&self) -> Option<String> {
        let tally = self.tally?;
        match &tally.broken {
            Some(why) if why.is_absence() && !self.reached(tally) => Some(why.to_string()),
            _ if tally.time.is_zero() => {
                Some("the time was up before the data connection was open".to_owned())
            }
            _ if self.time.is_zero() => Some("a test of 0 s is over before it begins".to_owned()),
            _ => None,
        }
    }

    /// Whether data reached the server all the same. A port that closes during the test also refuses.
    fn reached(&self, tally: &Tally) -> bool {
        self.udp_packets_received.unwrap_or(0) > 0 || tally.round_trips > 0
    }

    fn figures(&self, tally: &Tally) -> Figures {
        let mut figures = Figures {
            arrived: false,
            bytes: None,
            megabits_per_second: None,
            round_trips_per_second: None,
            loss_percent: None,
        };
        match (self.test, self.udp_packets_received) {
            (TestType::TcpStream, _) => {
                figures.arrived = tally.acknowledged_bytes.is_some();
                figures.bytes = Some(tally.acknowledged_bytes.unwrap_or(tally.bytes));
            }
            (TestType::UdpStream, Some(received)) => {
                // All datagrams of a test have one length. More than was sent did not come from this test.
                let length = tally.bytes.checked_div(tally.datagrams).unwrap_or(0);
                figures.arrived = true;
                figures.bytes = Some(received.min(tally.datagrams) * length);
            }
            (TestType::UdpStream, None) => figures.bytes = Some(tally.bytes),
            (TestType::TcpRr | TestType::UdpRr, _) => {
                figures.round_trips_per_second = per_second(tally.round_trips as f64, tally.time);
            }
        }
        figures.megabits_per_second = figures.bytes.and_then(|bytes| megabits_per_second(bytes, tally.time));
        if self.test.is_udp() {
            figures.loss_percent =
                self.udp_packets_received.and_then(|received| loss_percent(tally.datagrams, received));
        }
        figures
    }

    /// The rate of an interval: megabits or round trips per second.
    fn rate(&self, interval: &Interval) -> f64 {
        let rate = if self.is_round_trips() {
            per_second(interval.units as f64, interval.time())
        } else {
            megabits_per_second(interval.bytes, interval.time())
        };
        rate.unwrap_or(0.0)
    }

    /// Mean and standard deviation of the intervals' rates, if there are at least two.
    fn spread(&self) -> Option<(f64, f64)> {
        let rates: Vec<f64> = self.intervals.iter().map(|one| self.rate(one)).collect();
        let count = rates.len() as f64;
        if rates.len() < 2 {
            return None;
        }
        let mean = rates.iter().sum::<f64>() / count;
        let squares: f64 = rates.iter().map(|rate| (rate - mean).powi(2)).sum();
        Some((mean, (squares / (count - 1.0)).sqrt()))
    }
}
