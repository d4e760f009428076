//! What happened on the data plane: what the runner sent to a server's test port, and what came to its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::data::{Sender, Transport};
use crate::model::tolerance::seconds;

/// One thing that happened on the data plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "data")]
pub enum DataEvent {
    /// Whether the announced port is open; `None` if the system does not show it.
    Port {
        /// The number.
        port: u16,
        /// For what it should be.
        over: Transport,
        /// Whether it is.
        open: Option<bool>,
    },
    /// The runner has sent all its messages, or could not.
    Sent {
        /// Over what.
        over: Transport,
        /// From which address.
        from: Sender,
        /// Messages that the system accepted.
        messages: u64,
        /// Bytes of those.
        bytes: u64,
        /// Bytes (TCP) or datagrams (UDP) that came back.
        replies: u64,
        /// The length of the first reply that is not as long as its request.
        odd_reply_bytes: Option<usize>,
        /// Why it could not go on, if so.
        error: Option<String>,
    },
    /// How many datagrams the kernel has thrown away since the runner began to send; `None` if the system does not
    /// show it.
    Drops {
        /// How many.
        datagrams: Option<u64>,
    },
    /// What has come to the runner's test port by now.
    Seen(Box<DataSeen>),
    /// The client's throughput, and that of the runner's plain sender on the same path.
    Compared {
        /// What the client reached, in Mbit/s.
        client_mbit_s: f64,
        /// What the plain sender reached, in Mbit/s.
        plain_mbit_s: f64,
    },
}

/// What came to the runner's test port. Times count from its opening.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataSeen {
    /// TCP connections.
    pub connections: u64,
    /// Bytes over TCP.
    pub stream_bytes: u64,
    /// Those that the runner had read when the test was over. The rest was still on its way.
    #[serde(default)]
    pub stream_bytes_in_test: u64,
    /// Datagrams that the runner read.
    pub datagrams: u64,
    /// Bytes of those.
    pub datagram_bytes: u64,
    /// Datagrams that the kernel threw away at the runner's port because its buffer was full.
    pub dropped: u64,
    /// Bytes of the smallest datagram.
    pub smallest_bytes: usize,
    /// Bytes of the largest datagram.
    pub largest_bytes: usize,
    /// Bytes (TCP) or datagrams (UDP) that were returned.
    pub answered: u64,
    /// Datagrams that got no reply, on purpose.
    pub unanswered: u64,
    /// Datagrams that came after the first of those.
    pub after_loss: u64,
    /// Replies that were held back.
    pub held: u64,
    /// How often the client sent more before it had its reply.
    pub ahead: u64,
    /// Reads of the slow reader, from the first byte on.
    pub reads: u64,
    /// Those that found nothing.
    pub starved: u64,
    /// When the first byte or datagram came.
    #[serde(rename = "first_s", with = "seconds")]
    pub first: Duration,
    /// When the last one came.
    #[serde(rename = "last_s", with = "seconds")]
    pub last: Duration,
    /// The longest time between two arrivals.
    #[serde(rename = "longest_pause_s", with = "seconds")]
    pub longest_pause: Duration,
    /// The count that the runner sent to the client in Results.
    pub told: Option<u64>,
}

impl DataSeen {
    /// Datagrams that the client sent: those that came, and those that the kernel threw away.
    pub fn sent_datagrams(&self) -> u64 {
        self.datagrams + self.dropped
    }
}
