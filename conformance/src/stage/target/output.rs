//! One output stream of the target, through a pseudo-terminal: many programs hold their output back in a pipe, and
//! a check of when a line appears would lie. Serves `target`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::read;

/// How much of each stream is handed on: its first MiB. A target that prints more has told enough.
pub const OUTPUT_KEPT_BYTES: usize = 1024 * 1024;

/// How much is kept of the end of what is not handed on, at least, once there is that much: a chatty program's last
/// words are asked for as well.
pub const OUTPUT_TAIL_BYTES: usize = 64 * 1024;

/// What one read takes at most.
const TURN_BYTES: usize = 64 * 1024;

/// Columns and rows of the terminal: no message of a tester is so long that it would be wrapped.
pub(super) const WINDOW: (u16, u16) = (200, 50);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a read of the target's output came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It printed these bytes, exactly so.
    Bytes(Vec<u8>),
    /// It printed so many bytes, beyond what is kept.
    Discarded(usize),
    /// Nothing at the moment.
    WouldBlock,
    /// Nobody holds the stream open any more, or it cannot be read: nothing will come.
    Closed,
}

pub(super) struct Output {
    master: OwnedFd,
    kept: usize,
    discarded: u64,
    tail: Vec<u8>,
}

impl Output {
    /// A fresh terminal, and the end that the target gets. It changes no byte and echoes none.
    pub(super) fn open() -> io::Result<(Output, OwnedFd)> {
        let (columns, rows) = WINDOW;
        let window = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&window, None)?;
        for end in [&master, &slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut settings = tcgetattr(&slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings)?;
        Ok((Output { master, kept: 0, discarded: 0, tail: Vec::new() }, slave))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    pub(super) fn discarded_bytes(&self) -> u64 {
        self.discarded
    }

    pub(super) fn discarded_tail(&self) -> &[u8] {
        &self.tail
    }

    /// A terminal gives some 4 KiB a read, however much there is: goes on until it has none, or the turn is over.
    pub(super) fn read(&mut self) -> ReadOutcome {
        let mut buffer = [0; TURN_BYTES];
        let mut filled = 0;
        let mut said_closed = false;
        let mut end = ReadOutcome::WouldBlock;
        while filled < buffer.len() {
            match read(&self.master, &mut buffer[filled..]) {
                Ok(length @ 1..) => filled += length,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                // EIO: the last of those who could write is gone. The kernel looks for bytes first and for writers
                // then: what was written between the two looks is there at the next read.
                Ok(0) | Err(_) if !said_closed => said_closed = true,
                Ok(_) | Err(_) => {
                    end = ReadOutcome::Closed;
                    break;
                }
            }
        }
        if filled == 0 {
            return end;
        }
        let keep = filled.min(OUTPUT_KEPT_BYTES - self.kept);
        self.kept += keep;
        self.discard(&buffer[keep..filled]);
        if keep > 0 { ReadOutcome::Bytes(buffer[..keep].to_vec()) } else { ReadOutcome::Discarded(filled) }
    }

    fn discard(&mut self, bytes: &[u8]) {
        self.discarded += bytes.len() as u64;
        self.tail.extend_from_slice(bytes);
        // Seldom, so that little is moved.
        if self.tail.len() > 4 * OUTPUT_TAIL_BYTES {
            self.tail.drain(..self.tail.len() - OUTPUT_TAIL_BYTES);
        }
    }
}
