//! One control connection: messages in pieces, the silence timeout, and the ways to close. Serves client and server.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::poll::PollFlags;
use socket2::SockRef;

use crate::{
    ended::Ended,
    variants::on,
    wait::{self, Awaited},
    wire::Due,
};

/// The pause between two pieces of a message.
const BETWEEN_PIECES: Duration = Duration::from_millis(20);
/// How often a coarse timer checks.
const TICK: Duration = Duration::from_millis(500);

/// When the client last sent something, on any connection, and how long it may be silent.
#[derive(Clone)]
pub(crate) struct Silence {
    heard: Arc<Mutex<Instant>>,
    timeout: Duration,
}

impl Silence {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { heard: Arc::new(Mutex::new(Instant::now())), timeout }
    }

    pub(crate) fn heard(&self) {
        if let Ok(mut heard) = self.heard.lock() {
            *heard = Instant::now();
        }
    }

    fn ends(&self) -> Instant {
        self.heard.lock().map_or_else(|_| Instant::now(), |heard| *heard) + self.timeout
    }
}

/// The other work of a program with one thread while it waits for a message.
pub(crate) trait Beside {
    /// What it waits for.
    fn awaited(&self) -> Vec<Awaited<'_>>;
    /// Called when one of them may be ready.
    fn ready(&mut self);
}

/// No other work.
pub(crate) struct Alone;

impl Beside for Alone {
    fn awaited(&self) -> Vec<Awaited<'_>> {
        Vec::new()
    }

    fn ready(&mut self) {}
}

/// The connection.
pub(crate) struct Control {
    stream: TcpStream,
    /// Bytes that came with an earlier message and belong to the next.
    rest: Vec<u8>,
}

impl Control {
    /// Takes a connection. If a socket option fails, it is ignored.
    pub(crate) fn new(stream: TcpStream) -> Result<Self, Ended> {
        stream.set_nonblocking(true).map_err(Ended::Broken)?;
        let socket = SockRef::from(&stream);
        // Nagle's algorithm holds the second piece until the first is acknowledged. A close by reset, or with bytes
        // unread, would then discard it.
        let in_pieces = ["write-bytewise", "write-two-segments", "write-odd-segments"];
        if on("tcp-nodelay") || in_pieces.into_iter().any(on) {
            let _ = socket.set_tcp_nodelay(true);
        }
        if on("keep-alive") {
            let _ = socket.set_keepalive(true);
        }
        if on("small-buffers") {
            let _ = socket.set_recv_buffer_size(2304);
            let _ = socket.set_send_buffer_size(4608);
        }
        Ok(Self { stream, rest: Vec::new() })
    }

    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// The other side's address; a mapped IPv4 address as plain IPv4.
    pub(crate) fn peer_ip(&self) -> Option<IpAddr> {
        self.peer().ok().map(|peer| peer.ip().to_canonical())
    }

    /// For a wait that only checks whether something comes.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Sends one message, in the pieces of the variant.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), Ended> {
        let cork = on("tcp-cork");
        let cut = match () {
            () if on("write-bytewise") => 1,
            () if on("write-two-segments") => message.len().div_ceil(2),
            () if on("write-odd-segments") => message.len() - 1,
            () => message.len(),
        };
        if cork {
            let _ = SockRef::from(&self.stream).set_tcp_cork(true);
        }
        for (index, piece) in message.chunks(cut.max(1)).enumerate() {
            if index > 0 {
                wait::pause(BETWEEN_PIECES)?;
            }
            self.send_all(piece)?;
        }
        if cork {
            let _ = SockRef::from(&self.stream).set_tcp_cork(false);
        }
        Ok(())
    }

    fn send_all(&mut self, mut piece: &[u8]) -> Result<(), Ended> {
        while !piece.is_empty() {
            match self.stream.write(piece) {
                Ok(count) => piece = &piece[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait::in_control(&[(self.stream.as_fd(), PollFlags::POLLOUT)], None)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Ended::Broken(error)),
            }
        }
        Ok(())
    }

    /// Receives the message that is due. Bytes after it are kept for the next.
    pub(crate) fn receive(
        &mut self,
        due: Due,
        silence: Option<&Silence>,
        beside: &mut dyn Beside,
    ) -> Result<Vec<u8>, Ended> {
        let mut message = Vec::new();
        loop {
            let missing = due.bytes() - message.len();
            message.extend(self.rest.drain(..missing.min(self.rest.len())));
            let complete = message.len() == due.bytes();
            let judged = complete || on("refuse-first-byte") || (on("refuse-at-type") && message.len() >= 2);
            if judged && let Some(fault) = due.fault(&message) {
                return Err(Ended::Bad(fault));
            }
            if complete {
                return Ok(message);
            }
            self.await_bytes(silence, beside)?;
            if self.read(due.bytes() - message.len())?
                && let Some(silence) = silence
            {
                silence.heard();
            }
        }
    }

    fn await_bytes(&self, silence: Option<&Silence>, beside: &mut dyn Beside) -> Result<(), Ended> {
        loop {
            let deadline = silence.map(Silence::ends);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Ended::Silent);
            }
            let ready = {
                let mut awaited = vec![(self.stream.as_fd(), PollFlags::POLLIN)];
                awaited.extend(beside.awaited());
                // Some programs check their timers only now and then.
                let until = match deadline {
                    Some(deadline) if on("timer-ticks") => Some(deadline.max(Instant::now() + TICK)),
                    deadline => deadline,
                };
                wait::in_control(&awaited, until)?
            };
            if ready.iter().skip(1).any(|&ready| ready) {
                beside.ready();
            }
            if ready.first() == Some(&true) {
                return Ok(());
            }
        }
    }

    /// Reads once. Returns whether bytes came.
    fn read(&mut self, missing: usize) -> Result<bool, Ended> {
        let size = match () {
            () if on("read-one-byte") => 1,
            () if on("read-1024") => 1024,
            () => missing,
        };
        if on("quickack-on") || on("quickack-off") {
            let _ = SockRef::from(&self.stream).set_tcp_quickack(on("quickack-on"));
        }
        let mut buffer = vec![0; size];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Ended::EndOfFile),
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(Ended::Broken(error)),
        }
    }

    /// Closes the sending side.
    pub(crate) fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Shuts both directions down, before the descriptor is closed.
    pub(crate) fn shut_down(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Makes the close a reset.
    pub(crate) fn reset_at_close(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Reads until the other side has closed too, for `limit` at most.
    pub(crate) fn await_close(&mut self, limit: Option<Duration>) -> Result<(), Ended> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let ready = wait::in_control(&[(self.stream.as_fd(), PollFlags::POLLIN)], deadline)?;
            if ready.first() != Some(&true) {
                return Ok(());
            }
            match self.stream.read(&mut [0; 1024]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Ok(()),
            }
        }
    }
}
