//! The server: listens for ever, serves one client at a time, and comes back to waiting whatever a client does.
//!
//! Other clients wait in the listening socket's backlog, because two tests at once would disturb each other's figures
//! (S, the slide on simultaneous clients).

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::{Connection, Received};
use crate::cli::ServerConfig;
use crate::data::socket::TestSocket;
use crate::data::{DataError, DataThread, Job, Service};
use crate::interrupt::Interrupt;
use crate::output::{self, Voice};
use crate::protocol::message::TestType;
use crate::protocol::session::{Ending, ServerAction, ServerClose, ServerEvent, ServerSession};
use crate::wait::{Stop, Woken, readable, wait};

/// How many clients may wait: more than a course ever starts at once. The system may reduce it to its own limit.
const BACKLOG: i32 = 1024;

/// How long a client may keep its side open after Results. Only a client that sends more than Done can lose something
/// when the time is up. The next client waits no longer than this.
const LINGER: Duration = Duration::from_millis(500);

/// The pause after the system refused a connection because descriptors or memory ran out: long enough not to spin, and
/// too short to notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The server cannot begin, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error(transparent)]
    Stop(#[from] Stop),
}

/// Serves until the interrupt, which is the only way that it ends well ([`Stop::Interrupted`]).
pub(crate) fn run(config: &ServerConfig, interrupt: &Interrupt) -> Result<Infallible, ServerError> {
    let listener = listen(config)?;
    if config.port == 0
        && let Ok(address) = listener.local_addr()
    {
        output::diagnose(format_args!("listening on {address}"));
    }
    let mut refused = None;
    loop {
        match accept(&listener, interrupt)? {
            Ok((stream, peer)) => {
                refused = None;
                let end = serve(stream, config, interrupt)?;
                if !matches!(end, SessionEnd::Closed(ServerClose::Complete)) {
                    output::diagnose(format_args!("{}: {end}", plain(peer)));
                }
            }
            Err(error) => {
                // Once per kind: such an error goes on for a while, and would fill the terminal.
                if refused.replace(error.kind()) != Some(error.kind()) {
                    output::diagnose(format_args!("cannot accept a client: {error}"));
                }
                wait(interrupt, [], Some(Instant::now() + ACCEPT_PAUSE))?;
            }
        }
    }
}

/// How a session ended: as the protocol says, or because this host could not carry it out.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error("{0}")]
    Closed(ServerClose),
    #[error("cannot serve: {0}")]
    Socket(#[from] io::Error),
    #[error("cannot serve: {0}")]
    Data(#[from] DataError),
}

fn listen(config: &ServerConfig) -> Result<TcpListener, ServerError> {
    let anywhere = |ip: IpAddr| SocketAddr::new(ip, config.port);
    let attempt = |address| open_listener(address).map_err(|error| ServerError::Listen { address, error });
    match config.bind {
        Some(ip) => attempt(anywhere(ip)),
        None => attempt(anywhere(Ipv6Addr::UNSPECIFIED.into())).or_else(|error| match &error {
            ServerError::Listen { error: cause, .. } if lacks_ipv6(cause) => {
                attempt(anywhere(Ipv4Addr::UNSPECIFIED.into()))
            }
            _ => Err(error),
        }),
    }
}

fn open_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        // One socket for both families, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    // A server started again at once must not wait for the last one's connections to expire.
    socket.set_reuse_address(true)?;
    // A client may be gone again between the wake-up and the accept.
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PROTONOSUPPORT, Errno::NOPROTOOPT]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Waits for the next client. The inner error is one to pause on.
fn accept(
    listener: &TcpListener,
    interrupt: &Interrupt,
) -> Result<io::Result<(TcpStream, SocketAddr)>, Stop> {
    loop {
        wait(interrupt, [readable(listener)], None)?;
        match listener.accept() {
            // The client gave up before its turn.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                ) => {}
            accepted => return Ok(accepted),
        }
    }
}

fn serve(stream: TcpStream, config: &ServerConfig, interrupt: &Interrupt) -> Result<SessionEnd, Stop> {
    match Served::new(stream, config, interrupt) {
        Ok(served) => served.play(),
        Err(error) => Ok(error.into()),
    }
}

/// One client, from its connection to its end. A drop closes everything that it has.
struct Served<'a> {
    config: &'a ServerConfig,
    interrupt: &'a Interrupt,
    session: ServerSession,
    /// Dropped before the connection: when the client of an aborted test sees the end, the test port is closed.
    data: Option<DataThread>,
    connection: Connection,
    local: SocketAddr,
    client: IpAddr,
    /// Up to this moment the session knows the time.
    told: Instant,
}

impl<'a> Served<'a> {
    fn new(stream: TcpStream, config: &'a ServerConfig, interrupt: &'a Interrupt) -> io::Result<Self> {
        Ok(Self {
            config,
            interrupt,
            session: ServerSession::new(config.control_timeout),
            data: None,
            local: plain(stream.local_addr()?),
            client: plain(stream.peer_addr()?).ip(),
            connection: Connection::new(stream)?,
            told: Instant::now(),
        })
    }

    fn play(mut self) -> Result<SessionEnd, Stop> {
        loop {
            let mut actions = self.next_actions()?;
            while !actions.is_empty() {
                let mut answers = Vec::new();
                for action in actions {
                    match action {
                        ServerAction::Close(why) => return self.close(why),
                        action => match self.perform(action)? {
                            Ok(more) => answers.extend(more),
                            Err(end) => return Ok(end),
                        },
                    }
                }
                actions = answers;
            }
        }
    }

    /// Waits for the next event, and returns what the session makes of it.
    fn next_actions(&mut self) -> Result<Vec<ServerAction>, Stop> {
        let deadline = self.told.checked_add(self.session.patience());
        let woken = wait(self.interrupt, [readable(&self.connection)], deadline)?;
        let event = match woken {
            Woken::TimeUp => {
                let now = Instant::now();
                let time = now.duration_since(self.told);
                self.told = now;
                let data_silent_for = self.data.as_ref().and_then(|data| data.progress().silent_for());
                ServerEvent::Elapsed { time, data_silent_for }
            }
            Woken::Ready(_) => match self.connection.receive() {
                Received::Nothing => return Ok(Vec::new()),
                Received::Ended(ending) => ServerEvent::Ended(ending),
                Received::Bytes(bytes) => {
                    self.told = Instant::now();
                    ServerEvent::Bytes(bytes)
                }
            },
        };
        Ok(self.session.handle(event))
    }

    fn perform(&mut self, action: ServerAction) -> Result<Result<Vec<ServerAction>, SessionEnd>, Stop> {
        Ok(match action {
            ServerAction::OpenData(test) => self.open_data(test),
            ServerAction::CloseData => self.close_data(),
            ServerAction::Send(bytes) => {
                let deadline = self.told.checked_add(self.session.patience());
                match self.connection.send(&bytes, self.interrupt, deadline)? {
                    Ok(()) => Ok(Vec::new()),
                    Err(ending) => Err(SessionEnd::Socket(broken(ending))),
                }
            }
            ServerAction::Close(why) => Err(SessionEnd::Closed(why)),
        })
    }

    fn open_data(&mut self, test: TestType) -> Result<Vec<ServerAction>, SessionEnd> {
        let socket = TestSocket::open(test, self.local)?;
        let port = socket.port()?;
        let &ServerConfig { copy, offload, busy_poll, no_data, .. } = self.config;
        let job = if no_data {
            Job::Idle(Some(socket), None)
        } else {
            Job::Serve(Service { test, socket, client: self.client, copy, offload, busy_poll })
        };
        self.data = Some(DataThread::start(job, Voice::Out)?);
        Ok(self.session.handle(ServerEvent::DataOpened { port }))
    }

    fn close_data(&mut self) -> Result<Vec<ServerAction>, SessionEnd> {
        let tally = self.data.take().map(DataThread::stop).transpose()?.unwrap_or_default();
        if tally.drops > 0 {
            output::diagnose(format_args!(
                "the receive buffer overflowed: this host dropped {} receives (of one datagram or of many joined ones), \
                 which the network did not lose",
                tally.drops
            ));
        }
        if tally.strangers > 0 {
            let (count, client) = (tally.strangers, self.client);
            output::diagnose(format_args!(
                "passed over {count} datagrams or connections that were not from {client}"
            ));
        }
        let udp_packets_received = tally.datagrams;
        Ok(self.session.handle(ServerEvent::DataClosed { udp_packets_received }))
    }

    fn close(self, why: ServerClose) -> Result<SessionEnd, Stop> {
        drop(self.data);
        if why == ServerClose::Complete {
            self.connection.close_after_delivery(self.interrupt, Instant::now() + LINGER)?;
        }
        Ok(SessionEnd::Closed(why))
    }
}

fn broken(ending: Ending) -> io::Error {
    match ending {
        Ending::EndOfFile => ErrorKind::UnexpectedEof.into(),
        Ending::Broken(kind) => kind.into(),
    }
}

/// The address without the dual-stack socket's IPv6 wrapping of an IPv4 one.
fn plain(mut address: SocketAddr) -> SocketAddr {
    if let IpAddr::V4(ip) = address.ip().to_canonical() {
        address = SocketAddr::new(ip.into(), address.port());
    }
    address
}
