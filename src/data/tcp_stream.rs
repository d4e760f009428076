//! TCP_STREAM: the client sends without pause, the server takes what comes (S, the slide on the TCP stream test).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use super::Plan;
use super::drain::Drain;
use super::pace::Pace;
use super::progress::Progress;
use super::socket::{accept, connect_tcp, is_nothing};
use super::stop::StopSignal;
use crate::tally::{Broken, Tally};
use crate::wait::writable;

/// What one read takes at most.
const READ_BYTES: usize = 256 << 10;

/// The client's half: sends until the time is up. Bytes count when the system has taken them.
pub(super) fn send(
    plan: &Plan,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let mut stream = connect_tcp(plan.server, plan.local, stop)?;
    let message = vec![0x5A; plan.length()];
    let pace = Pace::new(plan.rate);
    let started = Instant::now();
    let mut sent_of_message = 0;
    let result = loop {
        if stop.is_over(Instant::now()) {
            break Ok(());
        }
        if let Some(due) = pace.wait_until(tally.bytes) {
            stop.wait([], Some(due))?;
            continue;
        }
        match stream.write(&message[sent_of_message..]) {
            Ok(count) => {
                tally.bytes += count as u64;
                sent_of_message = (sent_of_message + count) % message.len();
                progress.publish(tally.bytes, 0);
            }
            Err(error) if is_nothing(&error) => {
                stop.wait([writable(&stream)], None)?;
            }
            Err(error) => break Err(lost(error)),
        }
    };
    tally.time = started.elapsed();
    // The server reads to the end of the stream: what is still in the system's buffers goes out before it.
    let _gone = stream.shutdown(Shutdown::Write);
    result
}

/// The server's half: takes everything until it is told to stop, and then the rest of what was sent.
pub(super) fn receive(
    listener: &TcpListener,
    client: IpAddr,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    // A client may close its connection and come again.
    while let Some(stream) = accept(listener, client, stop, &mut tally.strangers)? {
        take(stream, stop, progress, tally)?;
    }
    Ok(())
}

fn take(mut stream: TcpStream, stop: &StopSignal, progress: &Progress, tally: &mut Tally) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut drain = Drain::new(stop);
    while !drain.is_exhausted() {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                tally.bytes += count as u64;
                progress.heard();
                progress.publish(tally.bytes, 0);
            }
            Err(error) if is_nothing(&error) => {
                if !drain.wait(&stream)? {
                    return Ok(());
                }
            }
            // The client went away, which its control connection tells as well.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

fn lost(error: io::Error) -> Broken {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Broken::Closed,
        _ => Broken::Failed(error),
    }
}
