//! TCP_STREAM and TCP_RR. Serves the client's data thread.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::PollFlags;
use socket2::{Domain, Socket, Type};

use super::{
    plan::{Plan, Sent, over, until},
    report,
};
use crate::{stop::Stop, variants::on, wire::Test};

/// The documents' message.
const MESSAGE_BYTES: usize = 64 << 10;
/// The longest wait for the server's answer to the end of the data.
const END_PATIENCE: Duration = Duration::from_millis(300);

pub(super) fn run(plan: &Plan, stop: &Stop, began: Instant, sent: &mut Sent) -> io::Result<()> {
    let mut stream = connect(plan, stop)?;
    if plan.test == Test::TcpStream {
        send(&mut stream, plan, stop, began, sent)?;
    } else {
        let _ = stream.set_nodelay(!on("rr-without-nodelay"));
        round_trips(&mut stream, plan, stop, began, sent)?;
    }
    if on("data-half-close") {
        let _ = stream.shutdown(Shutdown::Write);
        let end = Instant::now() + END_PATIENCE;
        while until(stop, &[(stream.as_fd(), PollFlags::POLLIN)], end) {
            match stream.read(&mut [0; 1024]) {
                Ok(0) => break,
                Err(error) if error.kind() != ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
    }
    if on("data-open-at-done") {
        sent.connection = Some(stream);
    }
    Ok(())
}

fn connect(plan: &Plan, stop: &Stop) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(plan.server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&plan.server.into()) {
        Err(error) if error.raw_os_error() == Some(115) => {
            if !until(stop, &[(socket.as_fd(), PollFlags::POLLOUT)], plan.ends) {
                return Err(ErrorKind::TimedOut.into());
            }
            socket.take_error()?.map_or(Ok(socket.into()), Err)
        }
        connected => connected.map(|()| socket.into()),
    }
}

fn send(stream: &mut TcpStream, plan: &Plan, stop: &Stop, began: Instant, sent: &mut Sent) -> io::Result<()> {
    let message = vec![b'.'; MESSAGE_BYTES];
    let write = match () {
        () if on("data-write-4k") => 4 << 10,
        () if on("data-write-1400") => 1400,
        () => MESSAGE_BYTES,
    };
    let mut rest = &message[..];
    while !over(plan, stop) {
        report::progress(sent, plan, began);
        match stream.write(&rest[..write.min(rest.len())]) {
            Ok(count) => {
                sent.bytes += count as u64;
                rest = &rest[count..];
                if rest.is_empty() {
                    rest = &message;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                until(stop, &[(stream.as_fd(), PollFlags::POLLOUT)], plan.ends);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn round_trips(
    stream: &mut TcpStream,
    plan: &Plan,
    stop: &Stop,
    began: Instant,
    sent: &mut Sent,
) -> io::Result<()> {
    while !over(plan, stop) {
        report::progress(sent, plan, began);
        stream.write_all(&[u8::try_from(sent.trips % 251).unwrap_or_default()])?;
        sent.bytes += 1;
        loop {
            match stream.read(&mut [0]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    sent.trips += 1;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if over(plan, stop) {
                        return Ok(());
                    }
                    // A spinning receive tries again at once.
                    if !on("spinning-receive") {
                        until(stop, &[(stream.as_fd(), PollFlags::POLLIN)], plan.ends);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
