//! When a server that was told to stop has received all that was sent before. Done comes on the control connection: it can
//! arrive before data that is still under way, or that nobody has read from the data socket yet.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::stop::StopSignal;
use crate::wait::{Woken, readable, wait_or_end};

/// The server waits for so long after the last data. On one host the system delivers within microseconds, but a busy
/// processor may be late.
const QUIET: Duration = Duration::from_millis(10);

/// If a client goes on sending after Done, its Results wait no longer than this.
const BOUND: Duration = Duration::from_millis(500);

/// The end of a server's half: running until the stop, draining until it is quiet or the bound is reached.
#[derive(Debug)]
pub(super) struct Drain<'a> {
    stop: &'a StopSignal,
    bound: Option<Instant>,
}

impl<'a> Drain<'a> {
    pub(super) fn new(stop: &'a StopSignal) -> Self {
        Self { stop, bound: None }
    }

    /// Whether not even what is there may be taken any more. Cheap while the test runs.
    pub(super) fn is_exhausted(&mut self) -> bool {
        self.stop.is_told() && Instant::now() >= self.bound()
    }

    /// Waits for more on a socket that is empty now: while the test runs, for no longer than `limit`.
    pub(super) fn wait(&mut self, socket: &impl AsFd, limit: Option<Duration>) -> io::Result<Waited> {
        if !self.stop.is_told() {
            let until = limit.map(|limit| Instant::now() + limit);
            let woken = self.stop.wait([readable(socket)], until)?;
            // The stop is not a limit, and is seen by the next wait.
            let limited = limit.is_some() && woken == Woken::TimeUp;
            return Ok(if limited { Waited::Limit } else { Waited::Ready });
        }
        let until = self.bound().min(Instant::now() + QUIET);
        Ok(match wait_or_end(None, [readable(socket)], Some(until))? {
            Woken::Ready(_) => Waited::Ready,
            // A socket with a low-water mark may hold less than that: the caller must look once more without the mark.
            Woken::TimeUp if limit.is_some() => Waited::Limit,
            Woken::TimeUp => Waited::Quiet,
        })
    }

    /// Waits as long as a socket must be quiet, whatever happens on it meanwhile.
    pub(super) fn pause(&mut self) -> io::Result<()> {
        let until = self.bound().min(Instant::now() + QUIET);
        wait_or_end(None, [], Some(until)).map(|_: Woken<0>| ())
    }

    fn bound(&mut self) -> Instant {
        *self.bound.get_or_insert_with(|| Instant::now() + BOUND)
    }
}

/// What a wait for more came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The socket is worth looking at.
    Ready,
    /// Nothing within the limit.
    Limit,
    /// The test is over, and nothing comes any more.
    Quiet,
}
