//! The end of the target's own process: an event to wait for, and how it ended. Serves `target`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this status (0 to 255).
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        // A status has one of the two: the wait does not return for a stopped process.
        status.signal().map_or_else(|| Exit::Code(status.code().unwrap_or_default()), Exit::Signal)
    }
}

/// A child and the event of its end.
#[cfg(target_os = "linux")]
pub(super) struct Ending {
    child: Child,
    pidfd: OwnedFd,
    exit: Option<Exit>,
}

#[cfg(target_os = "linux")]
impl Ending {
    pub(super) fn watch(mut child: Child) -> io::Result<Ending> {
        let pidfd =
            i32::try_from(child.id()).map_err(io::Error::other).and_then(crate::stage::sys::pidfd_open);
        match pidfd {
            Ok(pidfd) => Ok(Ending { child, pidfd, exit: None }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub(super) fn exit(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().ok().flatten().map(Exit::from);
        }
        self.exit
    }
}

#[cfg(target_os = "linux")]
impl AsFd for Ending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// A child and the event of its end: a thread waits for it, records it, and closes its end of a pipe.
#[cfg(not(target_os = "linux"))]
pub(super) struct Ending {
    exit: std::sync::Arc<std::sync::Mutex<Option<Exit>>>,
    pipe: OwnedFd,
}

#[cfg(not(target_os = "linux"))]
impl Ending {
    pub(super) fn watch(mut child: Child) -> io::Result<Ending> {
        use std::sync::{Arc, Mutex, PoisonError};

        let (pipe, writer) = nix::unistd::pipe()?;
        let exit = Arc::new(Mutex::new(None));
        let recorded = Arc::clone(&exit);
        std::thread::Builder::new().name("target's end".to_owned()).spawn(move || {
            if let Ok(status) = child.wait() {
                *recorded.lock().unwrap_or_else(PoisonError::into_inner) = Some(Exit::from(status));
            }
            drop(writer);
        })?;
        Ok(Ending { exit, pipe })
    }

    pub(super) fn exit(&mut self) -> Option<Exit> {
        *self.exit.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(not(target_os = "linux"))]
impl AsFd for Ending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
