//! When a server that was told to stop has taken what was sent before: Done travels on the control connection and can
//! overtake data that is still under way, or that lies in the data socket unread.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::stop::StopSignal;
use crate::wait::{Woken, readable, wait_or_end};

/// Data that does not come within this time after the last has not come: on one host the system delivers within
/// microseconds, but a busy processor may be late with it.
const QUIET: Duration = Duration::from_millis(10);

/// A client that goes on sending after Done holds its Results up for no longer than this.
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

    /// Waits for more on a socket that is empty now. Whether it is worth looking again.
    pub(super) fn wait(&mut self, socket: &impl AsFd) -> io::Result<bool> {
        if !self.stop.is_told() {
            self.stop.wait([readable(socket)], None)?;
            return Ok(true);
        }
        let until = self.bound().min(Instant::now() + QUIET);
        Ok(wait_or_end(None, [readable(socket)], Some(until))? != Woken::TimeUp)
    }

    /// Waits as long as a socket has to be quiet, whatever it says meanwhile.
    pub(super) fn pause(&mut self) -> io::Result<()> {
        let until = self.bound().min(Instant::now() + QUIET);
        wait_or_end(None, [], Some(until)).map(|_: Woken<0>| ())
    }

    fn bound(&mut self) -> Instant {
        *self.bound.get_or_insert_with(|| Instant::now() + BOUND)
    }
}
