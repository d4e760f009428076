//! Against a known truth: real testers in a network of their own whose capacity is set, and whose every packet the system
//! counts, so that each figure of a report is held against one that the tester had no part in.
//!
//! The network is a network namespace's loopback. Where the machine cannot make one a test says `SKIPPED:` and why.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

mod fallback;
mod limit;
mod network;
mod rate;
#[expect(dead_code, reason = "the sessions' tests use the rest of it")]
#[path = "../sessions/support.rs"]
mod support;

/// The bytes of a UDP_STREAM datagram's payload (S, the slide on the UDP stream test).
const DATAGRAM_BYTES: u64 = 1472;

/// Ethernet's MTU, a packet of which is filled by a datagram of [`DATAGRAM_BYTES`] with its headers.
const ETHERNET_MTU: u32 = 1500;

/// What a device and its queue count of a packet beside its payload: the headers of Ethernet (14), of IPv4 (20), and of UDP
/// (8) or an established TCP connection (20, and 12 of its time stamps).
const UDP_HEADERS: u64 = 14 + 20 + 8;
const TCP_HEADERS: u64 = 14 + 20 + 20 + 12;

/// How far throughput may be from the limit's goodput, as a share of it (issue: 2 %). It holds what a limit lets through
/// beyond its rate (the bucket that is full at the start, 0.5 % of a test of 2 s) and what the last acknowledgements, still
/// under way when the time is up, keep back (as long as a queue, 1 % of 2 s).
const THROUGHPUT_TOLERANCE: f64 = 0.02;

/// How far loss may be from the queue's own, in percentage points (issue: 1). It holds the dozen packets of the control
/// connection, which a queue may drop as well and does not count apart.
const LOSS_TOLERANCE: f64 = 1.0;

/// How far a paced test may be from its rate, as a share of it (issue: 2 %). It holds one message that is sent and not
/// yet paid for, at the start, and acknowledgements under way, at the end.
const RATE_TOLERANCE: f64 = 0.02;

/// Whether a figure is within a share of the truth.
fn is_near(figure: f64, truth: f64, tolerance: f64) -> bool {
    (figure / truth - 1.0).abs() <= tolerance
}
