//! One output stream of the target, through a pseudo-terminal: many programs buffer their output to a pipe, and the
//! time of a line would be wrong. Serves `target`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::read;

/// How much of each stream is kept: its first MiB. More is not needed.
pub const OUTPUT_KEPT_BYTES: usize = 1024 * 1024;

/// How much of the end of the discarded output is kept, at least: the last lines of a program that prints much are
/// needed too.
pub const OUTPUT_TAIL_BYTES: usize = 64 * 1024;

/// The most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Columns and rows of the terminal: no message of a tester is so long that it would wrap.
pub(super) const WINDOW: (u16, u16) = (200, 50);

/// Which output stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The result of a read of the target's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It printed these bytes.
    Bytes(Vec<u8>),
    /// It printed so many bytes, which are not kept.
    Discarded(usize),
    /// Nothing now.
    WouldBlock,
    /// No process has the stream open any more, or it cannot be read: nothing more will come.
    Closed,
}

pub(super) struct Output {
    master: OwnedFd,
    kept: usize,
    discarded: u64,
    tail: Vec<u8>,
}

impl Output {
    /// A new terminal, and the end for the target. It changes no byte and echoes none.
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

    pub(super) fn forget(&mut self) {
        (self.kept, self.discarded) = (0, 0);
        self.tail.clear();
    }

    pub(super) fn discarded_bytes(&self) -> u64 {
        self.discarded
    }

    pub(super) fn discarded_tail(&self) -> &[u8] {
        &self.tail
    }

    /// One system call reads at most about 4 KiB of a terminal. This reads until there is no more, or the buffer is
    /// full.
    pub(super) fn read(&mut self) -> ReadOutcome {
        let mut buffer = [0; READ_BYTES];
        let mut filled = 0;
        let mut closed_once = false;
        let mut end = ReadOutcome::WouldBlock;
        while filled < buffer.len() {
            match read(&self.master, &mut buffer[filled..]) {
                Ok(length @ 1..) => filled += length,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                // EIO: the last writer is gone. The kernel checks for bytes first and for writers then: bytes written
                // between the two checks come with the next read.
                Ok(0) | Err(_) if !closed_once => closed_once = true,
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
        // Cut only now and then, so that few bytes are moved.
        if self.tail.len() > 4 * OUTPUT_TAIL_BYTES {
            self.tail.drain(..self.tail.len() - OUTPUT_TAIL_BYTES);
        }
    }
}
