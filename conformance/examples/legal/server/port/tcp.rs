//! Data over TCP: the client's connections are read or echoed. Serves the test port.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::PollFlags;
use socket2::SockRef;

use crate::{
    control::Silence,
    variants::on,
    wait::{self, Awaited},
};

/// The most bytes of one turn, so that a fast client does not keep the thread from its other work.
const TURN_BYTES: usize = 1 << 20;
const BUFFER_BYTES: usize = 128 << 10;
/// The longest wait for a client that does not read its echo.
const ECHO_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Streams {
    listener: Option<TcpListener>,
    connections: Vec<TcpStream>,
    client: IpAddr,
    echo: bool,
    silence: Silence,
    buffer: Vec<u8>,
}

impl Streams {
    pub(super) fn new(listener: TcpListener, client: IpAddr, echo: bool, silence: Silence) -> Self {
        let size = if on("data-read-4k") { 4096 } else { BUFFER_BYTES };
        Self {
            listener: Some(listener),
            connections: Vec::new(),
            client,
            echo,
            silence,
            buffer: vec![0; size],
        }
    }

    pub(super) fn awaited(&self) -> Vec<Awaited<'_>> {
        let listener = self.listener.iter().map(|listener| (listener.as_fd(), PollFlags::POLLIN));
        listener.chain(self.connections.iter().map(|one| (one.as_fd(), PollFlags::POLLIN))).collect()
    }

    /// Accepts and reads what is there.
    pub(super) fn take(&mut self) {
        while let Some(listener) = &self.listener
            && let Ok((connection, from)) = listener.accept()
        {
            if from.ip().to_canonical() != self.client || connection.set_nonblocking(true).is_err() {
                continue;
            }
            let _ = connection.set_nodelay(!on("rr-without-nodelay"));
            self.connections.push(connection);
            if on("data-listener-closed-early") {
                self.listener = None;
            }
        }
        let mut connections = std::mem::take(&mut self.connections);
        connections.retain_mut(|connection| self.read(connection));
        self.connections = connections;
    }

    /// Reads one connection. Returns whether it is still open.
    fn read(&mut self, connection: &mut TcpStream) -> bool {
        let mut taken = 0;
        while taken < TURN_BYTES {
            match connection.read(&mut self.buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    taken += count;
                    self.silence.heard();
                    if self.echo && !echo(connection, &mut self.buffer[..count]) {
                        return false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads late data for so long, if the variant waits for it. Then closes everything in the way of the variant.
    pub(super) fn finish(mut self, late: Duration) {
        self.listener = None;
        if on("data-drained-at-done") {
            let end = Instant::now() + late;
            while !self.connections.is_empty() && Instant::now() < end {
                let ready = wait::any(&self.awaited(), Some(end));
                if ready.is_err() {
                    break;
                }
                self.take();
            }
        }
        if on("data-closed-by-reset") {
            for connection in &self.connections {
                let _ = SockRef::from(connection).set_linger(Some(Duration::ZERO));
            }
        }
    }
}

/// Answers each byte with the same byte or a fixed one. Returns whether all were sent.
fn echo(connection: &mut TcpStream, bytes: &mut [u8]) -> bool {
    if on("echo-fixed-byte") {
        bytes.fill(b'x');
    }
    let mut rest = &*bytes;
    let end = Instant::now() + ECHO_PATIENCE;
    while !rest.is_empty() {
        match connection.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                let _ = wait::any(&[(connection.as_fd(), PollFlags::POLLOUT)], Some(end));
            }
            Err(_) => return false,
        }
    }
    true
}
