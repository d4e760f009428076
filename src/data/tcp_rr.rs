//! TCP_RR: one byte there, one byte back, one at a time (S, the slide on TCP round trips).
//!
//! Both sides block in their receive, which is the fastest way to wait that leaves the processor to others; with
//! `--busy-poll` they spin where that is faster.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Instant;

use rustix::net::{RecvFlags, Shutdown, recv};

use super::Plan;
use super::busy::{Choice, Way, spin};
use super::progress::Progress;
use super::socket::{accept, connect_tcp, is_nothing, stream_path};
use super::stop::{StopSignal, WAKES_ALL};
use crate::tally::{Broken, Method, Tally, latencies};
use crate::wait::readable;

/// More than the one byte that is due, so that a server that answers more is not taken for a fast one.
const REPLY_BYTES: usize = 64;

/// A server answers as many bytes as came; what a client sends ahead is answered in pieces of this.
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
    let mut latency = latencies();
    let mut reply = [0; REPLY_BYTES];
    let mut choice = Choice::new(plan.busy_poll, Instant::now());
    let started = Instant::now();
    let mut asked = started;
    let result = loop {
        if stop.is_over(asked) {
            break Ok(());
        }
        if let Err(error) = stream.write_all(&[0x5A]) {
            break lost(stop, Broken::Failed(error));
        }
        tally.datagrams += 1;
        match receive(&mut stream, &mut reply, stop, &mut choice) {
            Ok((0, _)) => break lost(stop, Broken::Closed),
            Ok((_, way)) => tally.spun += u64::from(way == Way::Spin),
            Err(error) => break lost(stop, Broken::Failed(error)),
        }
        let now = Instant::now();
        tally.round_trips += 1;
        if let Some(latency) = &mut latency {
            latency.saturating_record((now - asked).as_nanos() as u64);
        }
        progress.publish(0, tally.round_trips);
        choice.count(|| now);
        asked = now;
    };
    tally.time = started.elapsed();
    tally.latency_ns = latency;
    result
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
        // Any other end than the stop is the client's going, which its control connection tells as well.
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

/// Waits until something comes, the other side ends, or the stop shuts the socket down. Says how it was met.
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

fn look(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, count) = recv(stream, buffer, RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// An end that the stop itself made is none.
fn lost(stop: &StopSignal, why: Broken) -> Result<(), Broken> {
    if stop.is_over(Instant::now()) { Ok(()) } else { Err(why) }
}
