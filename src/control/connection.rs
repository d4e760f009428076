//! A control connection: a socket that never blocks, so that every wait on it also hears the interrupt.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::interrupt::Interrupt;
use crate::protocol::session::Ending;
use crate::wait::{Stop, Woken, readable, wait, writable};

/// Much more than a whole session (19 bytes), so that one read takes all that a well-behaved peer has sent.
const READ_BYTES: usize = 4096;

/// A connected control socket.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// What one read brought.
#[derive(Debug)]
pub(super) enum Received<'a> {
    /// At least one byte.
    Bytes(&'a [u8]),
    /// The other side is gone.
    Ended(Ending),
    /// Nothing after all.
    Nothing,
}

impl Connection {
    /// Takes over a connected socket.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // Each message is one write of a few bytes: held back, it would only wait. A connection that is already
        // broken refuses the option, and its first read says so.
        let _refused = stream.set_nodelay(true);
        Ok(Self { stream, buffer: vec![0; READ_BYTES].into() })
    }

    /// Reads what is there.
    pub(super) fn receive(&mut self) -> Received<'_> {
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Received::Ended(Ending::EndOfFile),
            Ok(count) => Received::Bytes(&self.buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Received::Nothing
            }
            Err(error) => Received::Ended(Ending::Broken(error.kind())),
        }
    }

    /// Sends all of `bytes`, or says how the connection ended instead; `deadline` bounds a peer that does not read.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        interrupt: &Interrupt,
        deadline: Option<Instant>,
    ) -> Result<Result<(), Ending>, Stop> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if wait(interrupt, [writable(&self.stream)], deadline)? == Woken::TimeUp {
                        return Ok(Err(Ending::Broken(ErrorKind::TimedOut)));
                    }
                }
                Err(error) => return Ok(Err(Ending::Broken(error.kind()))),
            }
        }
        Ok(Ok(()))
    }

    /// Closes so that what was sent arrives: ends our side, then takes and forgets what the peer still sends until
    /// it ends its own, or until `deadline`.
    pub(super) fn close_after_delivery(
        mut self,
        interrupt: &Interrupt,
        deadline: Instant,
    ) -> Result<(), Stop> {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return Ok(());
        }
        loop {
            if matches!(self.receive(), Received::Ended(_)) || Instant::now() >= deadline {
                return Ok(());
            }
            if wait(interrupt, [readable(&self.stream)], Some(deadline))? == Woken::TimeUp {
                return Ok(());
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
