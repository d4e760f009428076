//! UDP_STREAM: the client sends datagrams without pause, the server counts those that arrive (S, the slide on the UDP
//! stream test).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Plan;
use super::drain::Drain;
use super::pace::Pace;
use super::progress::Progress;
use super::socket::{connect_udp, is_nothing, refused};
use super::stop::StopSignal;
use crate::tally::{Broken, Tally};
use crate::wait::writable;

/// The longest datagram that there is.
const DATAGRAM_BYTES: usize = 65536;

/// The pause after the system had no room for a datagram in its queues (ENOBUFS), which nothing announces the end of.
const NO_ROOM: Duration = Duration::from_micros(100);

/// The client's half: sends until the time is up. Datagrams count when the system has taken them.
pub(super) fn send(
    plan: &Plan,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let socket = connect_udp(plan.server, plan.local)?;
    socket.set_nonblocking(true)?;
    let datagram = vec![0x5A; plan.length()];
    let pace = Pace::new(plan.rate);
    let started = Instant::now();
    let result = loop {
        if stop.is_over(Instant::now()) {
            break Ok(());
        }
        if let Some(due) = pace.wait_until(tally.bytes) {
            stop.wait([], Some(due))?;
            continue;
        }
        match socket.send(&datagram) {
            Ok(count) => {
                tally.bytes += count as u64;
                tally.datagrams += 1;
                progress.publish(tally.bytes, tally.datagrams);
            }
            Err(error) if is_nothing(&error) => {
                stop.wait([writable(&socket)], None)?;
            }
            Err(error) if is_without_room(&error) => {
                stop.wait([], Some(Instant::now() + NO_ROOM))?;
            }
            Err(error) => break Err(refused(error)),
        }
    };
    tally.time = started.elapsed();
    result
}

/// The server's half: counts the client's datagrams until it is told to stop, and then those that lie in the socket.
pub(super) fn receive(
    socket: &UdpSocket,
    client: IpAddr,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut drain = Drain::new(stop);
    while !drain.is_exhausted() {
        match socket.recv_from(&mut buffer) {
            Ok((count, from)) if from.ip().to_canonical() == client => {
                tally.bytes += count as u64;
                tally.datagrams += 1;
                progress.heard();
                progress.publish(tally.bytes, tally.datagrams);
            }
            Ok(_) => tally.strangers += 1,
            Err(error) if is_nothing(&error) => {
                if !drain.wait(socket)? {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_without_room(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
        || error.kind() == ErrorKind::OutOfMemory
}
