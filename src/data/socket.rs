//! Data sockets: the server's, opened on a free port before Reply announces it, and the client's, connected to that port.
//! TCP for the TCP tests and UDP for the UDP tests.

mod datagrams;
mod stream;
#[cfg_attr(target_os = "linux", path = "socket/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "socket/elsewhere.rs")]
mod sys;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::time::Instant;

use socket2::SockRef;

use crate::data::stop::StopSignal;
use crate::dial::dial;
use crate::output;
use crate::protocol::message::TestType;
use crate::tally::{Broken, Path};
use crate::wait::{Woken, readable, writable};
pub(super) use datagrams::{Receiver, Sender, drops};
pub(super) use stream::{Sink, Source};

/// The receive buffer that a UDP server asks for. It keeps a burst while another program has the processor. The system may
/// give less.
const RECEIVE_BUFFER_BYTES: usize = 32 << 20;

/// Less than this is worth a warning: a fast network fills it in a millisecond.
const SMALL_BUFFER_BYTES: usize = 1 << 20;

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
            let socket = UdpSocket::bind(local)?;
            enlarge(&socket);
            Ok(Self::Udp(socket))
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

fn enlarge(socket: &UdpSocket) {
    let reference = SockRef::from(socket);
    #[cfg(target_os = "linux")]
    let forced =
        rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES).is_ok();
    #[cfg(not(target_os = "linux"))]
    let forced = false;
    if !forced {
        // An unprivileged program gets no more than net.core.rmem_max allows.
        let _kept = reference.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    }
    if let Ok(bytes) = reference.recv_buffer_size()
        && bytes < SMALL_BUFFER_BYTES
    {
        output::diagnose(format_args!(
            "the receive buffer is {bytes} bytes, which a fast test overflows (net.core.rmem_max limits it)"
        ));
    }
}

/// What the system knows about a stream.
#[derive(Debug, Clone, Copy)]
struct StreamInfo {
    acknowledged_bytes: u64,
    mss_bytes: u32,
    retransmitted_segments: u32,
}

/// How many of a stream's bytes the other host has acknowledged, if the system reports it.
pub(super) fn acknowledged_bytes(stream: &TcpStream) -> Option<u64> {
    sys::stream_info(stream).ok().map(|info| info.acknowledged_bytes)
}

/// The path of a stream as the system has it now.
pub(super) fn stream_path(stream: &TcpStream) -> io::Result<Path> {
    let info = sys::stream_info(stream).ok();
    let reference = SockRef::from(stream);
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    let congestion_control = reference
        .tcp_congestion()
        .ok()
        .map(|name| String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned());
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    let congestion_control = None;
    Ok(Path {
        congestion_control,
        mss_bytes: info.map(|info| info.mss_bytes),
        retransmitted_segments: info.map(|info| info.retransmitted_segments),
        ..path(&reference, stream.local_addr()?, stream.peer_addr()?)?
    })
}

/// The path of a connected UDP socket.
pub(super) fn datagram_path(socket: &UdpSocket) -> io::Result<Path> {
    path(&SockRef::from(socket), socket.local_addr()?, socket.peer_addr()?)
}

fn path(socket: &SockRef<'_>, local: SocketAddr, remote: SocketAddr) -> io::Result<Path> {
    Ok(Path {
        local,
        remote,
        send_buffer_bytes: socket.send_buffer_size()?,
        receive_buffer_bytes: socket.recv_buffer_size()?,
        congestion_control: None,
        mss_bytes: None,
        retransmitted_segments: None,
    })
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
            // The other side gave up before the accept.
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

/// A UDP socket that sends to the test port, and receives only from there.
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

/// Whether a call only has nothing to return now: it does not block, or a signal ended it early.
pub(super) fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
