//! Ctrl-C (and the termination signal) as a wake-up: a pipe that becomes readable for ever and so ends any wait at once.

use std::io::{self, PipeReader, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// Readable from the first SIGINT, SIGTERM or SIGHUP on. Nobody ever reads it, so it ends every later wait as well.
#[derive(Debug)]
pub(crate) struct Interrupt {
    raised: PipeReader,
}

/// The signals cannot be caught.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InterruptError {
    #[error("cannot make a pipe for the interrupt: {0}")]
    Pipe(#[from] io::Error),
    #[error("cannot catch the interrupt: {0}")]
    Handler(#[from] ctrlc::Error),
}

impl Interrupt {
    /// Catches the signals from now on. Once per process.
    pub(crate) fn install() -> Result<Self, InterruptError> {
        let (raised, mut raise) = io::pipe()?;
        // A pipe holds thousands of bytes: a person cannot send enough signals to block the handler's thread.
        ctrlc::set_handler(move || drop(raise.write_all(b"!")))?;
        Ok(Self { raised })
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raised.as_fd()
    }
}
