//! Data sockets: the server's, opened on a free port before Reply announces it, and the client's, connected to that port.
//! TCP for the TCP tests and UDP for the UDP tests.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::time::Instant;

use crate::data::stop::StopSignal;
use crate::dial::dial;
use crate::protocol::message::TestType;
use crate::tally::Broken;
use crate::wait::{Woken, readable, writable};

/// An open test port, held for as long as this lives.
#[derive(Debug)]
pub(crate) enum TestSocket {
    /// Listens for the data connection of a TCP test.
    Tcp(TcpListener),
    /// Takes the datagrams of a UDP test.
    Udp(UdpSocket),
}

impl TestSocket {
    /// Opens a free port for `test` on the address that the client reached this host by, so that it reaches the port
    /// as well.
    pub(crate) fn open(test: TestType, mut local: SocketAddr) -> io::Result<Self> {
        local.set_port(0);
        if test.is_udp() {
            UdpSocket::bind(local).map(Self::Udp)
        } else {
            TcpListener::bind(local).map(Self::Tcp)
        }
    }

    /// The port to announce.
    pub(crate) fn port(&self) -> io::Result<NonZeroU16> {
        let address = match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        }?;
        NonZeroU16::new(address.port()).ok_or_else(|| io::Error::other("the system gave no port"))
    }
}

/// Waits for a data connection from `client`, and turns others away (`strangers` counts them). Nothing when told to stop.
pub(super) fn accept(
    listener: &TcpListener,
    client: IpAddr,
    stop: &StopSignal,
    strangers: &mut u64,
) -> io::Result<Option<TcpStream>> {
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((stream, from)) if from.ip().to_canonical() == client => return Ok(Some(stream)),
            Ok(_) => *strangers += 1,
            // What gave up before its turn is nobody's loss.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) if is_nothing(&error) => {
                if stop.is_told() {
                    return Ok(None);
                }
                stop.wait([readable(listener)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Connects to the test port over TCP. The stream does not block.
pub(super) fn connect_tcp(
    server: SocketAddr,
    local: SocketAddr,
    stop: &StopSignal,
) -> Result<TcpStream, Broken> {
    let (socket, connected) = dial(server, Some(local)).map_err(refused)?;
    if !connected {
        while stop.wait([writable(&socket)], None)? == Woken::TimeUp {
            if stop.is_over(Instant::now()) {
                return Err(Broken::NoAnswer);
            }
        }
        if let Some(error) = socket.take_error()? {
            return Err(refused(error));
        }
    }
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// A UDP socket that sends to the test port and hears nobody else.
pub(super) fn connect_udp(server: SocketAddr, local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    socket.connect(server)?;
    Ok(socket)
}

/// Why the test port does not take data: refused by its host, or by anything on the way to it.
pub(super) fn refused(error: io::Error) -> Broken {
    match error.kind() {
        ErrorKind::TimedOut => Broken::NoAnswer,
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Broken::Refused(error)
        }
        _ => Broken::Failed(error),
    }
}

/// Whether a call that does not block, or that a signal cut short, simply has nothing to tell.
pub(super) fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
