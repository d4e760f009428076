//! TCP_STREAM: the client sends without pause, the server takes what comes (S, the slide on the TCP stream test).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};

use super::Plan;
use super::drain::{Drain, Waited};
use super::pace::Pace;
use super::progress::Progress;
use super::rounds;
use super::socket::{Sink, Source, accept, acknowledged_bytes, connect_tcp, is_nothing, stream_path};
use super::stop::StopSignal;
use crate::tally::{Broken, Tally};

/// After so many sends the count of acknowledged bytes is read: with the documents' messages, every 4 MiB at most.
const ASK_EVERY: u32 = 64;

/// The client's half: sends until the time is up. Bytes count when the system has taken them.
pub(super) fn send(
    plan: &Plan,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let stream = connect_tcp(plan.server, plan.local, stop)?;
    let mut source = Source::new(plan.length(), plan.copy);
    let pace = Pace::new(plan.rate);
    let mut sends = 0_u32;
    let result = rounds::send(&stream, &pace, stop, tally, |tally| {
        let sent = source.send(&stream).map(|count| tally.bytes += count as u64);
        sends = sends.wrapping_add(1);
        if plan.rate.is_some() || sends.is_multiple_of(ASK_EVERY) {
            progress.publish(acknowledged_bytes(&stream).unwrap_or(tally.bytes), 0);
        }
        sent
    });
    tally.acknowledged_bytes = acknowledged_bytes(&stream).map(|bytes| bytes.min(tally.bytes));
    progress.publish(tally.acknowledged_bytes.unwrap_or(tally.bytes), 0);
    tally.path = stream_path(&stream).ok();
    tally.method = Some(source.method());
    // The server reads to the end of the stream: what is still in the system's buffers is sent before that.
    let _gone = stream.shutdown(Shutdown::Write);
    result.map_err(lost)
}

/// The server's half: takes everything until it is told to stop, and then the rest of what was sent.
pub(super) fn receive(
    listener: &TcpListener,
    client: IpAddr,
    copy: bool,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    // A client may close its connection and come again.
    while let Some(stream) = accept(listener, client, stop, &mut tally.strangers)? {
        take(stream, copy, stop, progress, tally)?;
    }
    Ok(())
}

fn take(
    mut stream: TcpStream,
    copy: bool,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut sink = Sink::new(copy);
    let mut drain = Drain::new(stop);
    while !drain.is_exhausted() {
        match sink.take(&mut stream) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                tally.bytes += count as u64;
                progress.heard();
                progress.publish(tally.bytes, 0);
            }
            Err(error) if is_nothing(&error) => match drain.wait(&stream, sink.wait_limit())? {
                Waited::Ready => {}
                // Less than the mark may lie there.
                Waited::Limit => sink.calm(&stream),
                Waited::Quiet => return Ok(()),
            },
            // The client went away. The control connection will show that too.
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
