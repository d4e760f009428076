//! Data over UDP: the client's datagrams, counted and echoed. Serves the test port.

use std::{
    net::{IpAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::poll::PollFlags;

use crate::{control::Silence, variants::on, wait};

/// The most datagrams of one turn.
const TURN_DATAGRAMS: usize = 1000;
/// The longest time in which datagrams after Done are still counted.
const DRAINS_FOR: Duration = Duration::from_millis(500);

pub(super) struct Datagrams {
    socket: UdpSocket,
    client: IpAddr,
    echo: bool,
    silence: Silence,
    count: u64,
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket, client: IpAddr, echo: bool, silence: Silence) -> Self {
        Self { socket, client, echo, silence, count: 0 }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads what is there, or a part of it.
    pub(super) fn take(&mut self) {
        let _ = self.take_some();
    }

    /// Returns whether there may be more.
    fn take_some(&mut self) -> bool {
        let mut buffer = [0; 2048];
        let mut heard = false;
        for _ in 0..TURN_DATAGRAMS {
            // Any error other than "nothing there" comes from an echo that did not reach a client.
            let (length, from) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if heard {
                        self.silence.heard();
                    }
                    return false;
                }
                Err(_) => continue,
            };
            if from.ip().to_canonical() != self.client {
                continue;
            }
            heard = true;
            self.count += 1;
            if self.echo {
                let answer = if on("echo-fixed-byte") || length == 0 { &b"x"[..] } else { &buffer[..1] };
                let _ = self.socket.send_to(answer, from);
            }
        }
        if heard {
            self.silence.heard();
        }
        true
    }

    /// Reads what arrived before the end, or up to `late` after it if the variant waits. Returns the count of all.
    pub(super) fn finish(mut self, late: Duration) -> u64 {
        let began = Instant::now();
        while self.take_some() && began.elapsed() < DRAINS_FOR {}
        // Done came over another connection and may have overtaken some datagrams.
        if on("late-datagrams-awaited") {
            let end = began + late;
            while Instant::now() < end {
                let _ = wait::any(&[(self.socket.as_fd(), PollFlags::POLLIN)], Some(end));
                self.take_some();
            }
        }
        self.count
    }
}
