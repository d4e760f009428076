//! The task of a data thread, its result, and its waits. Serves the client's data thread.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use nix::poll::PollFlags;

use crate::{
    stop::Stop,
    wait::{self, Awaited},
    wire::Test,
};

/// The task, and its end.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) test: Test,
    pub(super) server: SocketAddr,
    pub(super) began: Instant,
    pub(super) ends: Instant,
}

/// What was done.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) trips: u64,
    /// From the first byte on.
    pub(super) time: Duration,
    /// Why nothing was measured.
    pub(super) trouble: Option<String>,
    /// A connection that stays open after Done.
    pub(super) connection: Option<TcpStream>,
    /// The time of the last progress line.
    pub(super) told: Duration,
}

/// Waits for one of these, for the deadline, or for the stop. Returns whether one of these is ready.
pub(super) fn until(stop: &Stop, awaited: &[Awaited<'_>], deadline: Instant) -> bool {
    let mut all = vec![(stop.fd(), PollFlags::POLLIN)];
    all.extend_from_slice(awaited);
    wait::any(&all, Some(deadline)).is_ok_and(|ready| ready.iter().skip(1).any(|&ready| ready))
}

/// Whether the test is over.
pub(super) fn over(plan: &Plan, stop: &Stop) -> bool {
    stop.requested() || Instant::now() >= plan.ends
}
