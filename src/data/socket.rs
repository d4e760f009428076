//! The server's data socket: opened on a free port before Reply announces it, TCP for the TCP tests and UDP for the UDP
//! tests.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroU16;

use crate::protocol::message::TestType;

/// An open test port, held for as long as this lives.
#[derive(Debug)]
pub(crate) enum TestSocket {
    /// Listens for the one data connection of a TCP test.
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
