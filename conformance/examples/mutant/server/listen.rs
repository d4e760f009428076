//! The listening socket of the control port. Serves the server's loop.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

use crate::{cli::CONTROL_PORT, faults::fault};

/// The backlog: how many clients may wait while a test runs.
const BACKLOG: i32 = 128;

/// Listens on every address of the machine, IPv6 and IPv4 alike.
pub(super) fn listen() -> io::Result<TcpListener> {
    // Two digits swapped.
    let port = if fault("listens-on-another-port") { 5687 } else { CONTROL_PORT };
    if fault("listens-on-loopback-only") {
        return bound(Domain::IPV4, (Ipv4Addr::LOCALHOST, port).into());
    }
    let both = || bound(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into());
    let ipv4 = || bound(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into());
    if fault("listens-on-ipv4-only") {
        return ipv4();
    }
    match both() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A machine without IPv6.
        Err(_) => ipv4(),
        listening => listening,
    }
}

fn bound(domain: Domain, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_reuse_address(!fault("no-address-reuse"))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    if !fault("bound-but-not-listening") {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}
