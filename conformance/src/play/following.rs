//! A target that outlives a case, so that the next one can follow on it. For the player and for `run/worker.rs`.

use std::fmt;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::observe::drain;
use crate::model::step::Stream;
use crate::model::tolerance::SERVER_SETTLES;
use crate::model::transcript::{Event, Transcript};
use crate::stage::netstat;
use crate::stage::target::{Launch, StartError, Target};

/// How often the kernel is asked whether the target has closed a connection: nothing announces it to the runner.
const CHECK_EVERY: Duration = Duration::from_millis(1);

/// The target, and its output streams that are still open.
pub struct Running {
    pub(super) target: Target,
    pub(super) exited: bool,
    pub(super) open_streams: Vec<Stream>,
    /// The connections of the last case: our end and the target's.
    ends: Vec<(SocketAddr, SocketAddr)>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.target.pid())
    }
}

impl Running {
    pub(super) fn start(launch: &Launch) -> Result<Self, StartError> {
        let open_streams = vec![Stream::Stdout, Stream::Stderr];
        Ok(Self { target: Target::start(launch)?, exited: false, open_streams, ends: Vec::new() })
    }

    /// The same target after a case.
    pub(super) fn after(self, transcript: &Transcript) -> Self {
        let ends = transcript.entries.iter().filter_map(|entry| match &entry.event {
            Event::Opened { local, peer, .. } => local.parse().ok().zip(peer.parse().ok()),
            _ => None,
        });
        Self { ends: ends.collect(), ..self }
    }

    /// Waits until the target has closed every connection of the last case, and drops what it has printed. `None`: it
    /// does not close one, or it has ended. Then it is killed, and the next case needs a fresh start.
    pub fn settled(mut self) -> Option<Self> {
        let until = Instant::now() + SERVER_SETTLES;
        while self.ends.iter().any(|(ours, theirs)| is_open(*ours, *theirs)) {
            if Instant::now() >= until {
                return None;
            }
            thread::sleep(CHECK_EVERY);
        }
        drain(&mut self);
        self.target.forget_output();
        (self.target.try_exit().is_none() && self.open_streams.len() == 2).then_some(self)
    }
}

/// Whether the target still holds its end. Where the system does not say, it is taken as open: a fresh start is always
/// right.
fn is_open(ours: SocketAddr, theirs: SocketAddr) -> bool {
    netstat::tcp_peer(ours, theirs).map_or(true, |end| end.is_some_and(|end| end.open))
}
