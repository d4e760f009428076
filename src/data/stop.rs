//! How the control thread ends the data thread: a flag for loops that never wait, a pipe for those that poll, and a
//! shutdown of the socket for those that block in a call.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::net::{Shutdown, shutdown};

use crate::wait::{Source, Woken, readable, wait_or_end};

/// The owner's end. A drop stops the thread as well.
#[derive(Debug)]
pub(super) struct Stopper {
    shared: Arc<Shared>,
    told: Option<PipeWriter>,
}

/// The data thread's end, with the time at which the thread stops by itself.
#[derive(Debug)]
pub(super) struct StopSignal {
    shared: Arc<Shared>,
    told: PipeReader,
    deadline: Option<Instant>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    blocking: Mutex<Option<(OwnedFd, Shutdown)>>,
}

/// Makes the two ends.
pub(super) fn stopper(deadline: Option<Instant>) -> io::Result<(Stopper, StopSignal)> {
    let (reader, writer) = io::pipe()?;
    let shared = Arc::<Shared>::default();
    let stopper = Stopper { shared: Arc::clone(&shared), told: Some(writer) };
    Ok((stopper, StopSignal { shared, told: reader, deadline }))
}

impl Stopper {
    /// Tells the thread to stop. Safe to repeat.
    pub(super) fn stop(&mut self) {
        drop(self.told.take());
        let blocking = self.shared.blocking.lock().unwrap_or_else(PoisonError::into_inner);
        // Set under the lock: if a socket comes later, `unblock` shuts it down.
        self.shared.stopped.store(true, Ordering::Release);
        if let Some((socket, how)) = &*blocking {
            shut(socket, *how);
        }
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl StopSignal {
    /// Whether the owner said stop.
    pub(super) fn is_told(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }

    /// Whether the owner said stop or the time is up, at the moment `now`.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.is_told() || self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Waits for one of the sources, for the stop, for the end of the time, or until `until`. The caller must then look
    /// again.
    pub(super) fn wait<const N: usize>(
        &self,
        sources: [Source<'_>; N],
        until: Option<Instant>,
    ) -> io::Result<Woken<N>> {
        let deadline = [self.deadline, until].into_iter().flatten().min();
        wait_or_end(Some(readable(&self.told)), sources, deadline)
    }

    /// Waits until the stop or the time, whichever is first.
    pub(super) fn wait_for_end(&self) -> io::Result<()> {
        self.wait([], None).map(drop)
    }

    /// From now on the stop also ends a call that blocks on this socket, by shutting it down: `how` must be what ends
    /// that call. Only on Linux does this wake a receive on a UDP socket that is not connected ([`WAKES_ALL`]).
    pub(super) fn unblock(&self, socket: &impl AsFd, how: Shutdown) -> io::Result<()> {
        let socket = socket.as_fd().try_clone_to_owned()?;
        let mut blocking = self.shared.blocking.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_told() {
            shut(&socket, how);
        }
        *blocking = Some((socket, how));
        Ok(())
    }
}

/// Whether a shutdown ends every call that blocks on a socket. Elsewhere a loop has to poll before it receives.
pub(super) const WAKES_ALL: bool = cfg!(target_os = "linux");

fn shut(socket: &OwnedFd, how: Shutdown) {
    // A UDP socket that is not connected answers ENOTCONN, but its waiting call ends all the same.
    let _not_connected = shutdown(socket, how);
}
