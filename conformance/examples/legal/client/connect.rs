//! From a target's name to a connection. Serves the client.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::fd::AsFd,
};

use nix::poll::PollFlags;
use socket2::{Domain, Socket, Type};

use crate::{cli::CONTROL_PORT, ended::Ended, variants::on, wait};

/// Tries all addresses of the target, one after the other.
pub(super) fn to(target: &str) -> Result<TcpStream, Ended> {
    let unreachable = |reason: &dyn std::fmt::Display| Ended::Unreachable(format!("{target}: {reason}"));
    let mut addresses: Vec<SocketAddr> =
        (target, CONTROL_PORT).to_socket_addrs().map_err(|error| unreachable(&error))?.collect();
    if on("ipv4-first") {
        addresses.sort_by_key(SocketAddr::is_ipv6);
    }
    let mut reason = None;
    for address in addresses {
        match connect(address) {
            Err(Ended::Broken(error)) => reason = Some(error),
            connected => return connected,
        }
    }
    Err(reason.map_or_else(|| unreachable(&"no address"), |error| unreachable(&error)))
}

fn connect(address: SocketAddr) -> Result<TcpStream, Ended> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(Ended::Broken)?;
    socket.set_nonblocking(true).map_err(Ended::Broken)?;
    match socket.connect(&address.into()) {
        Err(error) if error.kind() == ErrorKind::Interrupted || error.raw_os_error() == Some(115) => {
            wait::in_control(&[(socket.as_fd(), PollFlags::POLLOUT)], None)?;
            match socket.take_error() {
                Ok(None) => Ok(socket.into()),
                Ok(Some(error)) | Err(error) => Err(Ended::Broken(error)),
            }
        }
        Ok(()) => Ok(socket.into()),
        Err(error) => Err(Ended::Broken(error)),
    }
}
