//! The client's way to its server: the first of the target's addresses that answers.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

use crate::dial::dial;
use crate::interrupt::Interrupt;
use crate::wait::{Stop, wait, writable};

/// Tries the addresses in turn; the first that answers is the server. The inner error says what each of them came to.
pub(super) fn connect_any(
    addresses: &[SocketAddr],
    bind: Option<IpAddr>,
    interrupt: &Interrupt,
) -> Result<Result<(TcpStream, SocketAddr), String>, Stop> {
    let mut tried = String::new();
    for &address in addresses {
        match connect(address, bind, interrupt)? {
            Ok(stream) => return Ok(Ok((stream, address))),
            Err(error) => {
                let separator = if tried.is_empty() { "" } else { ";" };
                let _infallible = write!(tried, "{separator} {address}: {error}");
            }
        }
    }
    if tried.is_empty() {
        tried.push_str(" it has no address");
    }
    Ok(Err(tried))
}

/// Connects to one address, for as long as the system tries. The inner error belongs to this address.
fn connect(
    address: SocketAddr,
    bind: Option<IpAddr>,
    interrupt: &Interrupt,
) -> Result<io::Result<TcpStream>, Stop> {
    let (socket, connected) = match dial(address, bind.map(|ip| SocketAddr::new(ip, 0))) {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(error)),
    };
    if !connected {
        wait(interrupt, [writable(&socket)], None)?;
    }
    Ok(match socket.take_error() {
        Ok(None) => Ok(socket.into()),
        Ok(Some(error)) | Err(error) => Err(error),
    })
}
