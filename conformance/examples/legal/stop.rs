//! How a control thread stops its data thread. Serves client and server.

use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nix::poll::PollFlags;

use crate::{
    variants::on,
    wait::{self, Awaited},
};

/// How often a data thread checks that has only a flag.
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// A flag, and a pair of sockets that wakes every thread that waits for it.
pub(crate) struct Stop {
    flag: AtomicBool,
    told: UnixStream,
    tell: UnixStream,
}

impl Stop {
    pub(crate) fn new() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        Ok(Self { flag: AtomicBool::new(false), told, tell })
    }

    /// Requests the stop, for good.
    pub(crate) fn request(&self) {
        self.flag.store(true, Ordering::SeqCst);
        // The byte is never read, so every wait sees it. If the buffer is full, it was sent before.
        let _ = (&self.tell).write(&[1]);
    }

    pub(crate) fn requested(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Becomes readable at the request.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// Waits in the server's data thread for one of these, or for the stop. Returns whether the thread must go on.
    pub(crate) fn wait(&self, awaited: &[Awaited<'_>]) -> bool {
        if on("data-stop-2s") {
            // A receive with a timeout. The flag is checked after each.
            let woken = wait::any(awaited, Some(Instant::now() + LOOKS_EVERY));
            return woken.is_ok() && !self.requested();
        }
        let mut all = awaited.to_vec();
        all.push((self.fd(), PollFlags::POLLIN));
        wait::any(&all, None).is_ok() && !self.requested()
    }
}
