//! UDP_STREAM and UDP_RR. Serves the client's data thread.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::PollFlags;

use super::{
    plan::{Plan, Sent, over, until},
    report,
};
use crate::{stop::Stop, variants::on, wire::Test};

/// The documents' datagram.
const DATAGRAM_BYTES: usize = 1472;

pub(super) fn run(plan: &Plan, stop: &Stop, began: Instant, sent: &mut Sent) -> io::Result<()> {
    let any: SocketAddr = match plan.server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    if !on("udp-sendto") {
        socket.connect(plan.server)?;
    }
    match plan.test {
        Test::UdpRr => round_trips(&socket, plan, stop, began, sent),
        _ => stream(&socket, plan, stop, began, sent),
    }
}

fn send(socket: &UdpSocket, plan: &Plan, bytes: &[u8]) -> io::Result<usize> {
    if on("udp-sendto") { socket.send_to(bytes, plan.server) } else { socket.send(bytes) }
}

fn stream(socket: &UdpSocket, plan: &Plan, stop: &Stop, began: Instant, sent: &mut Sent) -> io::Result<()> {
    let message = [b'.'; DATAGRAM_BYTES];
    let mut refused = 0_u64;
    while !over(plan, stop) {
        report::progress(sent, plan, began);
        match send(socket, plan, &message) {
            Ok(count) => {
                sent.packets += 1;
                sent.bytes += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                until(stop, &[(socket.as_fd(), PollFlags::POLLOUT)], plan.ends);
            }
            // If nothing listens, every second send reports it.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                refused += 1;
                if refused > 10 && refused + 1 >= sent.packets {
                    return Err(error);
                }
            }
            // The interface's queue was full.
            Err(_) => {}
        }
    }
    Ok(())
}

fn round_trips(
    socket: &UdpSocket,
    plan: &Plan,
    stop: &Stop,
    began: Instant,
    sent: &mut Sent,
) -> io::Result<()> {
    let patience = Duration::from_millis(if on("rr-gives-up-after-100ms") { 100 } else { 500 });
    let mut lost = false;
    while !over(plan, stop) {
        report::progress(sent, plan, began);
        // A reply that came too late must not count for the next datagram.
        while lost && socket.recv(&mut [0; 16]).is_ok() {}
        lost = false;
        match send(socket, plan, &[u8::try_from(sent.packets % 251).unwrap_or_default()]) {
            Ok(_) => {
                sent.packets += 1;
                sent.bytes += 1;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && sent.trips == 0 => {
                return Err(error);
            }
            Err(_) => continue,
        }
        let gives_up = Instant::now() + patience;
        loop {
            match socket.recv(&mut [0; 16]) {
                Ok(_) => {
                    sent.trips += 1;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused && sent.trips == 0 => {
                    return Err(error);
                }
                Err(_) => {}
            }
            if over(plan, stop) || Instant::now() >= gives_up {
                lost = true;
                break;
            }
            if !on("spinning-receive") {
                until(stop, &[(socket.as_fd(), PollFlags::POLLIN)], gives_up.min(plan.ends));
            }
        }
    }
    Ok(())
}
