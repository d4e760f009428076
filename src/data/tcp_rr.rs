//! TCP_RR: one byte there, one byte back, one at a time (S, the slide on TCP round trips).
//!
//! Both sides block in their receive: of the ways to wait that leave the processor to others it is the fastest. With
//! `--busy-poll` they spin where that is faster.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Instant;

use rustix::net::Shutdown;

use super::Plan;
use super::busy::{Choice, Way, look, spin};
use super::progress::Progress;
use super::rounds;
use super::socket::{accept, connect_tcp, is_nothing, stream_path};
use super::stop::{StopSignal, WAKES_ALL};
use crate::tally::{Broken, Method, Tally, latencies};
use crate::wait::readable;

/// More than the one byte that is due: if a server answers more, the rest must not count as further replies.
const REPLY_BYTES: usize = 64;

/// A server answers as many bytes as came, at most so many at once.
const REQUEST_BYTES: usize = 4096;

/// The client's half: round trips until the time is up.
pub(super) fn ask(
    plan: &Plan,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let mut stream = connect_tcp(plan.server, plan.local, stop)?;
    stream.set_nonblocking(false)?;
    stop.unblock(&stream, Shutdown::Both)?;
    tally.path = stream_path(&stream).ok();
    tally.method = Some(if plan.busy_poll { Method::BusyPoll } else { Method::Blocking });
    tally.latency_ns = latencies();
    let mut reply = [0; REPLY_BYTES];
    let mut choice = Choice::new(plan.busy_poll, Instant::now());
    rounds::play(stop, tally, |asked, tally| {
        if let Err(error) = stream.write_all(&[0x5A]) {
            return lost(stop, Broken::Failed(error));
        }
        tally.datagrams += 1;
        match receive(&mut stream, &mut reply, stop, &mut choice) {
            Ok((0, _)) => lost(stop, Broken::Closed),
            Ok((_, way)) => {
                let now = Instant::now();
                rounds::count_answer(progress, tally, now - asked, way);
                choice.count(|| now);
                Ok(Some(now))
            }
            Err(error) => lost(stop, Broken::Failed(error)),
        }
    })
}

/// The server's half: one byte back for each byte, until told to stop.
pub(super) fn answer(
    listener: &TcpListener,
    client: IpAddr,
    busy_poll: bool,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    while let Some(mut stream) = accept(listener, client, stop, &mut tally.strangers)? {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stop.unblock(&stream, Shutdown::Both)?;
        let mut request = [0; REQUEST_BYTES];
        let mut choice = Choice::new(busy_poll, Instant::now());
        // If this ends before the stop, the client has gone. The control connection will show that too.
        while let Ok((count @ 1.., _)) = receive(&mut stream, &mut request, stop, &mut choice) {
            progress.heard();
            if stream.write_all(&request[..count]).is_err() {
                break;
            }
            tally.bytes += count as u64;
            choice.count(Instant::now);
        }
    }
    Ok(())
}

/// Waits until something comes, the other side ends, or the stop shuts the socket down. Also returns which way it waited.
fn receive(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    stop: &StopSignal,
    choice: &mut Choice,
) -> io::Result<(usize, Way)> {
    if choice.way() == Way::Spin
        && let Some(met) = spin(|| look(stream, buffer))
    {
        return Ok((met?, Way::Spin));
    }
    loop {
        if !WAKES_ALL {
            stop.wait([readable(stream)], None)?;
            if stop.is_told() {
                return Ok((0, Way::Block));
            }
        }
        match stream.read(buffer) {
            Err(error) if is_nothing(&error) => {}
            done => return done.map(|count| (count, Way::Block)),
        }
    }
}

/// An end is a failure, unless the stop itself caused it.
fn lost(stop: &StopSignal, why: Broken) -> Result<Option<Instant>, Broken> {
    if stop.is_over(Instant::now()) { Ok(None) } else { Err(why) }
}
