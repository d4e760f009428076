//! UDP_STREAM: the client sends datagrams without pause, the server counts those that arrive (S, the slide on the UDP
//! stream test).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Plan;
use super::drain::{Drain, Waited};
use super::pace::Pace;
use super::progress::Progress;
use super::rounds;
use super::socket::{Receiver, Sender, connect_udp, datagram_path, drops, is_nothing, refused};
use super::stop::StopSignal;
use crate::tally::{Broken, Tally};

/// The pause after the system had no room for a datagram (ENOBUFS, ENOMEM): no call waits for the end of that.
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
    let mut sender = Sender::new(&socket, plan.length(), plan.offload);
    let pace = Pace::new(plan.rate);
    let burst = pace.burst(plan.length()).unwrap_or(usize::MAX);
    let result = rounds::send(&socket, &pace, stop, tally, |tally| match sender.send(&socket, burst) {
        Ok(count) => {
            tally.datagrams += count as u64;
            tally.bytes += (count * plan.length()) as u64;
            progress.publish(tally.bytes, tally.datagrams);
            Ok(())
        }
        Err(error) if is_without_room(&error) => stop.wait([], Some(Instant::now() + NO_ROOM)).map(drop),
        Err(error) => Err(error),
    });
    tally.path = datagram_path(&socket).ok();
    tally.method = Some(sender.method());
    result.map_err(refused)
}

/// The server's half: counts the client's datagrams until it is told to stop, and then those that lie in the socket.
pub(super) fn receive(
    socket: &UdpSocket,
    client: IpAddr,
    (offload, copy): (bool, bool),
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let mut receiver = Receiver::new(socket, offload, copy);
    let mut drain = Drain::new(stop);
    while !drain.is_exhausted() {
        let before = tally.datagrams;
        let received = receiver.receive(socket, |from, bytes, datagrams| {
            if from == Some(client) {
                tally.bytes += bytes as u64;
                tally.datagrams += datagrams as u64;
            } else {
                tally.strangers += datagrams as u64;
            }
        });
        match received {
            Ok(()) if tally.datagrams > before => {
                progress.heard();
                progress.publish(tally.bytes, tally.datagrams);
            }
            Ok(()) => {}
            Err(error) if is_nothing(&error) => {
                if drain.wait(socket, None)? == Waited::Quiet {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    tally.drops = drops(socket).unwrap_or(0);
    Ok(())
}

fn is_without_room(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
        || error.kind() == ErrorKind::OutOfMemory
}
