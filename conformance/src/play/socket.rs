//! One non-blocking connection between the runner and the target. Queued bytes go out segment by segment. Received
//! bytes and every kind of end become events. For the player.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::model::place::ADDRESS;
use crate::model::step::Destination;
use crate::model::tolerance::SEGMENT_SETTLES;
use crate::model::transcript::{EndedBy, Event, REFUSED};
use crate::stage::netstat;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The runner's connect is under way.
    Connecting,
    /// Both sides may send.
    Open,
    /// The target has ended its sending side. It may still read: queued bytes are still sent.
    HalfClosed,
    /// A reset came, or the connect failed. Nothing is sent or received any more.
    Ended,
}

/// One connection.
pub(super) struct Connection {
    name: String,
    socket: Socket,
    state: State,
    addresses: Option<(SocketAddr, SocketAddr)>,
    outgoing: VecDeque<Vec<u8>>,
    /// Since when the last sent segment waits until the target reads it.
    settling: Option<Instant>,
    /// The shutdown waits for the outgoing bytes.
    shutdown_due: bool,
}

impl Connection {
    /// Begins to connect; never waits.
    pub(super) fn connect(name: &str, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&to.into()) {
            // Refusals come at once on loopback; `advance` reads them from the socket.
            Ok(()) | Err(_) => {}
        }
        Ok(Self::new(name, socket, State::Connecting))
    }

    /// A connection that the target made.
    pub(super) fn accepted(name: &str, socket: Socket) -> io::Result<(Self, Event)> {
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let mut connection = Self::new(name, socket, State::Open);
        let event = connection.opened(true)?;
        Ok((connection, event))
    }

    fn new(name: &str, socket: Socket, state: State) -> Self {
        Self {
            name: name.to_owned(),
            socket,
            state,
            addresses: None,
            outgoing: VecDeque::new(),
            settling: None,
            shutdown_due: false,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn wants_read(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn wants_write(&self) -> bool {
        match self.state {
            State::Connecting => true,
            State::Open | State::HalfClosed => !self.outgoing.is_empty() && self.settling.is_none(),
            State::Ended => false,
        }
    }

    /// Whether the target has to read a segment before the next one is sent.
    pub(super) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Queues segments. Each is sent once the target has read the one before.
    pub(super) fn send(&mut self, segments: Vec<Vec<u8>>) {
        self.outgoing.extend(segments);
    }

    /// Half-closes, once everything queued is sent.
    pub(super) fn shutdown(&mut self) {
        self.shutdown_due = true;
    }

    /// Does what can be done without waiting, and reports each event.
    pub(super) fn advance(&mut self, mut on_event: impl FnMut(Event)) {
        if self.state == State::Connecting {
            self.finish_connect(&mut on_event);
        }
        if matches!(self.state, State::Open | State::HalfClosed) {
            self.write(&mut on_event);
        }
        if self.state == State::Open {
            self.read(&mut on_event);
        }
    }

    fn finish_connect(&mut self, on_event: &mut impl FnMut(Event)) {
        match self.socket.take_error() {
            Ok(Some(error)) | Err(error) => self.refused(&error, on_event),
            Ok(None) => match self.opened(false) {
                Ok(event) => {
                    self.state = State::Open;
                    on_event(event);
                }
                // Still under way.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                Err(error) => self.refused(&error, on_event),
            },
        }
    }

    fn refused(&mut self, error: &io::Error, on_event: &mut impl FnMut(Event)) {
        self.state = State::Ended;
        on_event(Event::Refused { on: self.name.clone(), error: describe(error) });
    }

    fn opened(&mut self, accepted: bool) -> io::Result<Event> {
        let peer = self.socket.peer_addr()?.as_socket();
        let local = self.socket.local_addr()?.as_socket();
        let (Some(local), Some(peer)) = (local, peer) else {
            return Err(io::Error::other("not an internet address"));
        };
        self.addresses = Some((local, peer));
        let (local, peer) = (canonical(local).to_string(), canonical(peer).to_string());
        Ok(Event::Opened { on: self.name.clone(), local, peer, accepted })
    }

    fn write(&mut self, on_event: &mut impl FnMut(Event)) {
        loop {
            if self.settling.is_some_and(|since| !self.has_settled(since)) {
                return;
            }
            self.settling = None;
            let Some(mut segment) = self.outgoing.pop_front() else { break };
            // The caller took the time before this write: waits count from there.
            match (&self.socket).write(&segment) {
                Ok(taken) => {
                    on_event(Event::sent(&self.name, &segment[..taken]));
                    if taken < segment.len() {
                        segment.drain(..taken);
                        self.outgoing.push_front(segment);
                        return;
                    }
                    if !self.outgoing.is_empty() {
                        self.settling = Some(Instant::now());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.outgoing.push_front(segment);
                    return;
                }
                Err(_) => {
                    self.outgoing.clear();
                    // On an open connection the read shows how the target closed, and what came before. After an
                    // end-of-file there is nothing to read: the target had closed both directions.
                    if self.state == State::HalfClosed {
                        self.ended(EndedBy::Reset, on_event);
                    }
                    return;
                }
            }
        }
        if self.shutdown_due {
            self.shutdown_due = false;
            // Fails only on a connection that has ended already.
            let _ = self.socket.shutdown(std::net::Shutdown::Write);
            on_event(Event::Shutdown { on: self.name.clone() });
        }
    }

    /// Whether the target has read the last segment, or the time for it is over.
    fn has_settled(&self, since: Instant) -> bool {
        // Where the system gives no answer, only the time counts.
        let unread = self.addresses.map(|(local, peer)| netstat::tcp_peer_unread(local, peer));
        matches!(unread, Some(Ok(Some(0)))) || since.elapsed() >= SEGMENT_SETTLES
    }

    fn read(&mut self, on_event: &mut impl FnMut(Event)) {
        let mut buffer = [0; 16 << 10];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(0) => return self.ended(EndedBy::EndOfFile, on_event),
                Ok(length) => {
                    on_event(Event::Received { on: self.name.clone(), bytes: buffer[..length].to_vec() });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.ended(EndedBy::Reset, on_event),
            }
        }
    }

    fn ended(&mut self, by: EndedBy, on_event: &mut impl FnMut(Event)) {
        self.state = match by {
            EndedBy::EndOfFile => State::HalfClosed,
            EndedBy::Reset => State::Ended,
        };
        on_event(Event::Ended { on: self.name.clone(), by });
    }

    /// Closes the connection, with a reset if `reset`, else with an end-of-file.
    pub(super) fn drop_with(self, reset: bool) {
        if reset {
            // Fails only for a socket that is gone. It needs no reset.
            let _ = self.socket.set_linger(Some(Duration::ZERO));
        }
    }
}

/// The address of a destination at `port`.
pub(super) fn address(destination: Destination, port: u16) -> SocketAddr {
    let ip = match destination {
        Destination::Loopback => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Destination::Ipv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        Destination::External => IpAddr::V4(ADDRESS),
    };
    SocketAddr::new(ip, port)
}

/// A listening TCP socket on every address of the machine, IPv6 and IPv4 where there is both.
pub(super) fn listen(port: u16) -> io::Result<Socket> {
    listen_on(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)).or_else(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Err(error),
        _ => listen_on(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
    })
}

fn listen_on(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::TimedOut => "connection attempt timed out".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    /// How long a peer in this process may take.
    const WITHIN: Duration = Duration::from_secs(5);

    /// A connection as the runner accepts it, and the target's end of it.
    fn accepted() -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        target.set_read_timeout(Some(WITHIN)).unwrap();
        let (connection, _) = Connection::accepted("control", listener.accept().unwrap().0.into()).unwrap();
        (connection, target)
    }

    /// Advances the connection until this event comes.
    fn advance_until(connection: &mut Connection, wanted: impl Fn(&Event) -> bool) {
        let deadline = Instant::now() + WITHIN;
        let mut seen = false;
        while !seen {
            assert!(Instant::now() < deadline, "the event did not come");
            connection.advance(|event| seen |= wanted(&event));
        }
    }

    #[test]
    fn a_target_that_half_closed_still_gets_its_answer() {
        let (mut connection, mut target) = accepted();
        target.write_all(&[1, 3]).unwrap();
        target.shutdown(Shutdown::Write).unwrap();
        advance_until(&mut connection, |event| matches!(event, Event::Ended { by: EndedBy::EndOfFile, .. }));

        let results = vec![1, 4, 0, 0, 0, 0, 0, 0, 0, 9];
        connection.send(vec![results[..3].to_vec(), results[3..].to_vec()]);
        let mut received = [0; 10];
        let reader = std::thread::spawn(move || target.read_exact(&mut received).map(|()| received));
        let mut sent = 0;
        let deadline = Instant::now() + WITHIN;
        while sent < results.len() {
            assert!(Instant::now() < deadline, "{sent} bytes were sent");
            connection.advance(|event| match event {
                Event::Sent { length, .. } => sent += length,
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(reader.join().unwrap().unwrap(), *results);
    }

    #[test]
    fn a_write_to_a_target_that_is_gone_is_recorded_as_a_reset() {
        let (mut connection, target) = accepted();
        drop(target);
        advance_until(&mut connection, |event| matches!(event, Event::Ended { by: EndedBy::EndOfFile, .. }));
        connection.send(vec![vec![1], vec![4], vec![0]]);
        advance_until(&mut connection, |event| matches!(event, Event::Ended { by: EndedBy::Reset, .. }));
        assert!(!connection.wants_write());
    }
}
