//! What one half of a test counted.

use std::time::Duration;

/// The data thread's count, in the unit of each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// How long the data thread ran.
    pub(crate) time: Duration,
    /// UDP datagrams received on the test port.
    pub(crate) udp_packets_received: u64,
}
