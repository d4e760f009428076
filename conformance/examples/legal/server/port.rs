//! The test port: opened before Reply, served in a thread of its own or in the server's loop, and freed after Done.
//! Serves the session.

mod tcp;
mod udp;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::poll::PollFlags;
use socket2::{Domain, Socket, Type};

use crate::{
    control::{Beside, Control, Silence},
    output,
    stop::Stop,
    variants::on,
    wait::Awaited,
    wire::Test,
};

/// The number of a port that is always the same.
const FIXED: u16 = 5679;
/// The list of a firewall, and the range for random numbers.
const LISTED: std::ops::Range<u16> = 6000..6100;
const RANDOM: std::ops::Range<u16> = 50_000..60_000;

/// How long to wait for data after the end.
const LATE: Duration = Duration::from_millis(300);

/// The port and what came over it.
pub(super) struct Port {
    pub(super) number: u16,
    kind: Kind,
}

enum Kind {
    Tcp(tcp::Streams),
    Udp(udp::Datagrams),
}

impl Port {
    /// Opens it for this test, for data from the control connection's client.
    pub(super) fn open(test: Test, control: &Control, silence: Silence) -> io::Result<Self> {
        let socket = numbered(test, control.local()?)?;
        socket.set_nonblocking(true)?;
        let number = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        let client = control.peer_ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let kind = if test.over_tcp() {
            socket.listen(5)?;
            Kind::Tcp(tcp::Streams::new(socket.into(), client, test.answers(), silence))
        } else {
            if on("udp-big-buffer") {
                let _ = socket.set_recv_buffer_size(8 << 20);
            }
            Kind::Udp(udp::Datagrams::new(socket.into(), client, test.answers(), silence))
        };
        Ok(Self { number, kind })
    }

    fn awaited(&self) -> Vec<Awaited<'_>> {
        match &self.kind {
            Kind::Tcp(streams) => streams.awaited(),
            Kind::Udp(datagrams) => vec![(datagrams.as_fd(), PollFlags::POLLIN)],
        }
    }

    /// Reads what is there.
    fn take(&mut self) {
        match &mut self.kind {
            Kind::Tcp(streams) => streams.take(),
            Kind::Udp(datagrams) => datagrams.take(),
        }
    }

    /// Reads what arrived before the end, and closes everything. Returns how many datagrams came.
    fn finish(self) -> u64 {
        match self.kind {
            Kind::Tcp(streams) => {
                streams.finish(LATE);
                0
            }
            Kind::Udp(datagrams) => datagrams.finish(LATE),
        }
    }
}

/// A bound socket, with the number that the variant chooses.
fn numbered(test: Test, control: SocketAddr) -> io::Result<Socket> {
    let bind = |number| bound(test, control, number);
    match () {
        // The port may have been in use a moment ago.
        () if on("port-always-the-same") => bind(FIXED),
        () if on("port-from-a-list") => {
            LISTED.map(bind).find(Result::is_ok).unwrap_or_else(|| Err(io::ErrorKind::AddrInUse.into()))
        }
        () if on("port-at-random") => {
            let start = fastrand::u16(RANDOM);
            (start..RANDOM.end).map(bind).find(Result::is_ok).unwrap_or_else(|| bind(0))
        }
        () => bind(0),
    }
}

/// A socket on the addresses of the variant: at least on the local address of the control connection.
fn bound(test: Test, control: SocketAddr, number: u16) -> io::Result<Socket> {
    let family_of_control = || match control.ip().to_canonical() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let address = match () {
        () if on("data-on-local-address") => control.ip().to_canonical(),
        () if on("data-on-family-of-control") || control.is_ipv4() => family_of_control(),
        () => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let kind = if test.over_tcp() { Type::STREAM } else { Type::DGRAM };
    let socket = Socket::new(if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 }, kind, None)?;
    // Only for TCP: with it, one of two UDP sockets would take the other's data.
    socket.set_reuse_address(test.over_tcp())?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&SocketAddr::new(address, number).into())?;
    Ok(socket)
}

/// The port in a thread of its own.
pub(super) struct InThread {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<u64>>,
}

impl InThread {
    pub(super) fn start(port: Port) -> io::Result<Self> {
        let stop = Arc::new(Stop::new()?);
        let theirs = Arc::clone(&stop);
        // The main thread prints the line, or the data thread.
        if on("opening-by-control-thread") {
            output::data_thread("opening");
        }
        let thread = thread::Builder::new().spawn(move || serve_until(port, &theirs))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it; how many datagrams came.
    pub(super) fn end(mut self) -> u64 {
        self.join()
    }

    fn join(&mut self) -> u64 {
        self.stop.request();
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for InThread {
    fn drop(&mut self) {
        self.join();
    }
}

fn serve_until(mut port: Port, stop: &Stop) -> u64 {
    if !on("opening-by-control-thread") {
        output::data_thread("opening");
    }
    while stop.wait(&port.awaited()) {
        port.take();
    }
    let datagrams = port.finish();
    output::data_thread("closing");
    datagrams
}

/// The port in the server's loop.
pub(super) struct InLoop {
    port: Option<Port>,
}

impl InLoop {
    pub(super) fn start(port: Port) -> Self {
        output::data_thread("opening");
        Self { port: Some(port) }
    }

    /// Ends it; how many datagrams came.
    pub(super) fn end(mut self) -> u64 {
        self.close()
    }

    fn close(&mut self) -> u64 {
        let Some(port) = self.port.take() else { return 0 };
        let datagrams = port.finish();
        output::data_thread("closing");
        datagrams
    }
}

impl Drop for InLoop {
    fn drop(&mut self) {
        self.close();
    }
}

impl Beside for InLoop {
    fn awaited(&self) -> Vec<Awaited<'_>> {
        self.port.as_ref().map(Port::awaited).unwrap_or_default()
    }

    fn ready(&mut self) {
        if let Some(port) = &mut self.port {
            port.take();
        }
    }
}
