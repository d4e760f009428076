//! The first half of a connection attempt that does not block, for the control connection and for the data connection.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Begins to connect over TCP, from `local` if given. The socket does not block. The second value says whether it is
/// connected already. If not, it becomes writable when the attempt ends, and [`Socket::take_error`] says how it ended.
pub(crate) fn dial(address: SocketAddr, local: Option<SocketAddr>) -> io::Result<(Socket, bool)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(local) = local {
        socket.bind(&local.into())?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => Ok((socket, true)),
        Err(error) if is_under_way(&error) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}
