//! What the player sees: connections, the target's output, whether it listens, its resources, its end.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::CONTROL_PORT;
use super::socket::Connection;
use super::{PlayError, Player, Running};
use crate::model::case::Role;
use crate::model::step::{Action, Step, Stream};
use crate::model::tolerance::LAST_WORDS;
use crate::model::transcript::{Entry, Event, Exit};
use crate::stage::target::{ReadOutcome, Target};
use crate::stage::{netstat, target};

/// Once the target has ended: the most reads of 64 KiB beyond the output that is kept. A terminal holds less, and a
/// process that was left behind may print without end.
const LAST_READS: usize = 16;

/// What announces that the target prints or ends.
fn watched(running: &Running) -> Vec<PollFd<'_>> {
    let streams = running.open_streams.iter().map(|stream| running.target.output_fd(of_target(*stream)));
    let end = (!running.exited).then(|| running.target.exit_fd());
    streams.chain(end).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect()
}

fn wait_for(fds: &mut [PollFd<'_>], timeout: Duration) -> Result<(), PlayError> {
    // Rounded up: a poll that ends a fraction early would spin until the deadline.
    let milliseconds = u32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
    let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
    match poll(fds, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(PlayError::system("wait for an event")(error)),
    }
}

impl Player<'_> {
    pub(super) fn probe_ports(&mut self) {
        let Some(port) = self.judge.announced_port() else { return };
        let open = |port| {
            netstat::is_listening(port).unwrap_or(false) || netstat::udp_port_open(port).unwrap_or(false)
        };
        let event = Event::Ports { announced_open: open(port), swapped_open: open(port.swap_bytes()) };
        self.transcript.push(self.clock.elapsed(), event);
    }

    pub(super) fn count_resources(&mut self) {
        let counted = self.target.as_ref().and_then(|running| running.target.resources());
        if let Some(target::Resources { descriptors, threads }) = counted {
            self.transcript.push(self.clock.elapsed(), Event::Resources { descriptors, threads });
        }
    }

    pub(super) fn poll(&self, timeout: Duration) -> Result<(), PlayError> {
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        let mut watch = |fd, flags| fds.push(PollFd::new(fd, flags));
        for connection in self.connections.values() {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, connection.wants_read());
            flags.set(PollFlags::POLLOUT, connection.wants_write());
            if !flags.is_empty() {
                watch(connection.fd(), flags);
            }
        }
        if let Some(listener) = &self.listener {
            watch(listener.as_fd(), PollFlags::POLLIN);
        }
        fds.extend(self.target.iter().flat_map(watched));
        wait_for(&mut fds, timeout)
    }

    /// Listens for a moment longer to a target that has closed or refused a connection: it may be dying.
    pub(super) fn last_words(&mut self) -> Result<Vec<Entry>, PlayError> {
        let verdict = self.transcript.entries.len();
        let left = |entry: &Entry| matches!(entry.event, Event::Ended { .. } | Event::Refused { .. });
        if self.transcript.entries.iter().any(left) {
            let until = self.clock.elapsed() + LAST_WORDS;
            while let Some(running) = self.target.as_ref().filter(|running| !running.exited) {
                let remaining = until.saturating_sub(self.clock.elapsed());
                if remaining.is_zero() {
                    break;
                }
                let mut fds = watched(running);
                wait_for(&mut fds, remaining)?;
                drop(fds);
                self.observe_target();
            }
        }
        Ok(self.transcript.entries.split_off(verdict))
    }

    pub(super) fn accept(&mut self) -> Result<(), PlayError> {
        let Some(listener) = &self.listener else { return Ok(()) };
        while let Ok((socket, _)) = listener.accept() {
            let name = self.name_of_accepted();
            self.accepted += 1;
            // A client that is gone already was here too: it counts.
            let Ok((connection, event)) = Connection::accepted(&name, socket) else { continue };
            self.transcript.push(self.clock.elapsed(), event);
            self.connections.insert(name, connection);
        }
        Ok(())
    }

    /// The target's connections get the names of the fixture's `accept` steps, in their order.
    fn name_of_accepted(&self) -> String {
        let accepts = |step: &&Step| matches!(step.action, Action::Accept { .. });
        match self.case.steps.iter().filter(accepts).nth(self.accepted) {
            Some(step) => step.connection().to_owned(),
            None => format!("unexpected-{}", self.accepted + 1),
        }
    }

    /// A client that asks for a round-trip test gets its bytes back from the data port.
    pub(super) fn observe_request(&mut self) {
        let Some(data_port) = &self.data_port else { return };
        let asked = self.transcript.entries.iter().any(|entry| {
            matches!(&entry.event, Event::Received { bytes, .. } if matches!(bytes[..], [_, _, 0x02 | 0x04, ..]))
        });
        if asked {
            data_port.echo();
        }
    }

    pub(super) fn observe_target(&mut self) {
        let Some(running) = &mut self.target else { return };
        // The exit is checked first and recorded last: all output before it is then recorded before it.
        let exit = if running.exited { None } else { running.target.try_exit() };
        let reads = if exit.is_some() { LAST_READS } else { 1 };
        let Running { target, open_streams, .. } = running;
        open_streams.retain(|stream| {
            let (open, texts) = read(target, *stream, reads);
            for text in texts {
                self.transcript.push(self.clock.elapsed(), Event::Output { stream: *stream, text });
            }
            open
        });
        let Some(exit) = exit else { return };
        running.exited = true;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let tail = running.target.discarded_tail(of_target(stream));
            if !tail.is_empty() {
                let text = String::from_utf8_lossy(tail).into_owned();
                self.transcript.push(self.clock.elapsed(), Event::Output { stream, text });
            }
        }
        let exit = match exit {
            target::Exit::Code(status) => Exit::Status(status),
            target::Exit::Signal(signal) => Exit::Signal(signal),
        };
        self.transcript.push(self.clock.elapsed(), Event::Exited(exit));
    }

    /// Whether a listener on the control port can only mean that the target accepted wrong arguments.
    pub(super) fn must_not_listen(&self) -> bool {
        self.case.is_to_be_refused() && self.listener.is_none()
    }

    pub(super) fn observe_readiness(&mut self) {
        if self.case.role == Role::Server {
            self.observe_listener();
        }
    }

    pub(super) fn observe_listener(&mut self) {
        if netstat::is_listening(CONTROL_PORT).unwrap_or(false) {
            self.transcript.push(self.clock.elapsed(), Event::Ready);
        }
    }
}

/// What a target left running that had ended by itself. One that the runner ends had no chance to clean up.
pub(super) fn left_behind(mut running: Running) -> Vec<String> {
    if running.target.try_exit().is_none() {
        // It is killed without a list of what it has started.
        return Vec::new();
    }
    let leftovers = running.target.end();
    match leftovers.exit {
        Some(_) => leftovers.processes.into_iter().map(|process| process.name).collect(),
        None => Vec::new(),
    }
}

/// Reads and drops what the target has printed.
pub(super) fn drain(running: &mut Running) {
    let Running { target, open_streams, .. } = running;
    open_streams.retain(|stream| read(target, *stream, LAST_READS).0);
}

/// Whether a stream is still open, and what it holds. Stops after so many `reads` beyond the output that is kept.
fn read(target: &mut Target, stream: Stream, mut reads: usize) -> (bool, Vec<String>) {
    let mut texts = Vec::new();
    loop {
        match target.read_output(of_target(stream)) {
            ReadOutcome::Bytes(bytes) => texts.push(String::from_utf8_lossy(&bytes).into_owned()),
            ReadOutcome::Discarded(_) => {
                reads -= 1;
                if reads == 0 {
                    return (true, texts);
                }
            }
            ReadOutcome::WouldBlock => return (true, texts),
            ReadOutcome::Closed => return (false, texts),
        }
    }
}

fn of_target(stream: Stream) -> target::Stream {
    match stream {
        Stream::Stdout => target::Stream::Stdout,
        Stream::Stderr => target::Stream::Stderr,
    }
}
