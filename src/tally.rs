//! What one half of a test counted, and what follows from it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The data thread's count, in the unit of each name. What a test does not have is 0.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// A client's: from the open data connection to the end of its last send or round trip.
    pub(crate) time: Duration,
    /// Bytes of payload: handed to the system by the client of a STREAM test, taken from it by a server.
    pub(crate) bytes: u64,
    /// Of a TCP client's bytes, those that the other host had acknowledged when the time was up. Not every system
    /// reports them.
    pub(crate) acknowledged_bytes: Option<u64>,
    /// Datagrams: sent by a client, received by a server. The requests of a TCP_RR client as well.
    pub(crate) datagrams: u64,
    /// Round trips that were answered in time.
    pub(crate) round_trips: u64,
    /// Round trips that were given up.
    pub(crate) unanswered: u64,
    /// Replies that came after their round trip was given up.
    pub(crate) late: u64,
    /// The time of each round trip, in nanoseconds.
    pub(crate) latency_ns: Option<Histogram<u64>>,
    /// Receives that this host's system dropped because the buffer was full. With receive offload each may be many
    /// datagrams.
    pub(crate) drops: u64,
    /// Datagrams and connections from other addresses than the client's. They are not part of the test.
    pub(crate) strangers: u64,
    /// Of the answered round trips, those whose reply came while the receive was spinning.
    pub(crate) spun: u64,
    /// Where the data went.
    pub(crate) path: Option<Path>,
    /// How it was sent, at the end of the test.
    pub(crate) method: Option<Method>,
    /// Why the data ended before its time, if it did.
    pub(crate) broken: Option<Broken>,
}

/// The data connection as the system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The buffers in force, as the system counts them.
    pub(crate) send_buffer_bytes: usize,
    pub(crate) receive_buffer_bytes: usize,
    pub(crate) congestion_control: Option<String>,
    pub(crate) mss_bytes: Option<u32>,
    pub(crate) retransmitted_segments: Option<u32>,
}

/// How a client sends, or waits for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// From a file in memory: the payload never passes through the program.
    SendFile,
    /// From the program's own memory.
    Write,
    /// Several datagrams in one send, cut by the system or the network device.
    Segmented,
    /// Several datagrams in one call.
    Batched,
    /// One datagram in one call.
    OneByOne,
    /// The receive sleeps until the reply is there.
    Blocking,
    /// The receive looks again and again before it sleeps, where that is faster.
    BusyPoll,
}

impl Method {
    /// A few words for a person.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::SendFile => {
                "sendfile from memory; the payload does not pass through the program (--copy makes it)"
            }
            Self::Write => "write from the program's memory",
            Self::Segmented => "segmentation offload, many datagrams in a send",
            Self::Batched => "many datagrams in a call, without offload",
            Self::OneByOne => "one datagram in a call, without offload",
            Self::Blocking => "blocking receive",
            Self::BusyPoll => "busy polling where it is faster, else blocking receive",
        }
    }

    /// A name for a program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SendFile => "sendfile",
            Self::Write => "write",
            Self::Segmented => "udp_segment",
            Self::Batched => "sendmmsg",
            Self::OneByOne => "send",
            Self::Blocking => "blocking",
            Self::BusyPoll => "busy_poll",
        }
    }
}

/// Why no data was sent, or why it stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Nobody has the port: a server of Part 1.
    #[error("the server's test port is closed ({0})")]
    Refused(io::Error),
    /// Nobody answered on the port until the time was up.
    #[error("the server's test port does not answer")]
    NoAnswer,
    /// The other side closed the data connection in the middle of the test.
    #[error("the server closed the data connection during the test")]
    Closed,
    /// The data connection broke in the middle of the test.
    #[error("the data connection broke during the test: {0}")]
    Failed(#[from] io::Error),
}

impl Broken {
    /// Whether there never was a data connection, as with a server of Part 1. The protocol goes on without one.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoAnswer)
    }
}

/// Histograms of round trips hold from 1 ns to a minute (longer ones count as a minute), to 3 significant digits: 0.2 MB.
const LONGEST_NS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// An empty histogram of round-trip times.
pub(crate) fn latencies() -> Option<Histogram<u64>> {
    // The bounds are constants that the library takes; a test holds them.
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok()
}

/// The share of `sent` that is missing in `received`, in percent; never negative, and nothing where nothing was sent.
pub(crate) fn loss_percent(sent: u64, received: u64) -> Option<f64> {
    (sent > 0).then(|| sent.saturating_sub(received) as f64 * 100.0 / sent as f64)
}

/// Megabits (10^6 bits) per second; nothing where no time passed.
pub(crate) fn megabits_per_second(bytes: u64, time: Duration) -> Option<f64> {
    per_second(bytes as f64 * 8.0 / 1e6, time)
}

/// A count as a rate; nothing where no time passed.
pub(crate) fn per_second(count: f64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| count / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, 0, None)]
    #[case(0, 5, None)]
    #[case(4, 3, Some(25.0))]
    #[case(4, 4, Some(0.0))]
    #[case(4, 5, Some(0.0))]
    #[case(4, 0, Some(100.0))]
    fn loss_is_sent_against_received(#[case] sent: u64, #[case] received: u64, #[case] percent: Option<f64>) {
        assert_eq!(loss_percent(sent, received), percent);
    }

    #[test]
    fn rates_are_of_10_to_the_6() {
        assert_eq!(megabits_per_second(125_000_000, Duration::from_secs(2)), Some(500.0));
        assert_eq!(megabits_per_second(1, Duration::ZERO), None);
    }

    #[test]
    fn a_histogram_holds_the_shortest_and_the_longest() {
        let mut latency = latencies().unwrap();
        latency.record(1).unwrap();
        latency.saturating_record(u64::MAX);
        assert_eq!((latency.min(), latency.len()), (1, 2));
        assert!(latency.max() >= LONGEST_NS);
    }
}
