//! Port 5678: one listener for both families, or one for each, and clients that were accepted early. Serves the server.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
};

use nix::poll::PollFlags;
use socket2::{Domain, Socket, Type};

use crate::{
    cli::CONTROL_PORT,
    control::Beside,
    ended::Ended,
    output,
    variants::on,
    wait::{self, Awaited},
};

/// The listening sockets.
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
}

impl Listeners {
    pub(super) fn open() -> io::Result<Self> {
        let ipv4 = || bound(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, CONTROL_PORT).into());
        let ipv6 = || bound(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, CONTROL_PORT).into());
        let in_use = |error: &io::Error| error.kind() == ErrorKind::AddrInUse;
        if on("listen-ipv4-alone") {
            return Ok(Self { sockets: vec![ipv4()?] });
        }
        // A machine without IPv6 has only one family.
        if on("listen-twice") {
            let mut sockets = vec![ipv4()?];
            match ipv6() {
                Err(error) if in_use(&error) => return Err(error),
                socket => sockets.extend(socket.ok()),
            }
            return Ok(Self { sockets });
        }
        match ipv6() {
            Err(error) if !in_use(&error) => Ok(Self { sockets: vec![ipv4()?] }),
            socket => Ok(Self { sockets: vec![socket?] }),
        }
    }

    pub(super) fn awaited(&self) -> Vec<Awaited<'_>> {
        self.sockets.iter().map(|socket| (socket.as_fd(), PollFlags::POLLIN)).collect()
    }

    /// A client that is already there.
    pub(super) fn accept_at_once(&mut self) -> Option<TcpStream> {
        // The listener that was used last is checked last.
        self.sockets.rotate_left(1);
        self.sockets.iter().find_map(|socket| match socket.accept() {
            Ok((client, address)) => {
                output::chatter(&format!("Connection from {address}"));
                Some(client)
            }
            Err(_) => None,
        })
    }

    /// The next client.
    pub(super) fn accept(&mut self) -> Result<TcpStream, Ended> {
        loop {
            wait::in_control(&self.awaited(), None)?;
            if let Some(client) = self.accept_at_once() {
                return Ok(client);
            }
        }
    }
}

fn bound(domain: Domain, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if on("reuse-port") {
        socket.set_reuse_port(true)?;
    }
    if domain == Domain::IPV6 {
        socket.set_only_v6(on("listen-twice"))?;
    }
    socket.bind(&address.into())?;
    let backlog = match () {
        () if on("backlog-1") => 1,
        () if on("backlog-5") => 5,
        () => 128,
    };
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The listeners of an event loop, and its clients that still wait.
pub(super) struct Waiting {
    listeners: Listeners,
    clients: VecDeque<TcpStream>,
}

impl Waiting {
    pub(super) fn new(listeners: Listeners) -> Self {
        Self { listeners, clients: VecDeque::new() }
    }

    pub(super) fn next(&mut self) -> Result<TcpStream, Ended> {
        match self.clients.pop_front() {
            Some(client) => Ok(client),
            None => self.listeners.accept(),
        }
    }
}

impl Beside for Waiting {
    fn awaited(&self) -> Vec<Awaited<'_>> {
        self.listeners.awaited()
    }

    fn ready(&mut self) {
        self.clients.extend(self.listeners.accept_at_once());
    }
}
