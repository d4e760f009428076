//! The runner's traffic to a server's test port: datagrams, streams and round trips. Each step has a thread, which ends
//! with the step.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::model::data::{Amount, DataAction, Sender, Transport};
use crate::model::tolerance::MOMENT;
use crate::model::transcript::DataEvent;
use crate::stage::netstat::{self, UdpCounters};

/// The server, as the control connection reaches it.
const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Another address of the machine. No test was requested from it.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How long to wait for a surplus reply after the last one that was due: far above a round trip on loopback.
const SURPLUS_COMES_WITHIN: Duration = Duration::from_millis(20);

/// What the runner sends, and from where. A data connection stays open until the next control connection is opened.
#[derive(Default)]
pub(in crate::play) struct Outbound {
    stream: Option<(u16, TcpStream)>,
    datagrams: Option<UdpSocket>,
    events: Option<Receiver<io::Result<DataEvent>>>,
    counters_before: Option<UdpCounters>,
}

impl Outbound {
    /// Begins what a step sends to `port`.
    pub(in crate::play) fn begin(&mut self, port: u16, action: &DataAction, patience: Duration) {
        if self.counters_before.is_none() {
            self.counters_before = netstat::udp_counters().ok();
        }
        let (over, from) = match action {
            DataAction::Send { over, from, .. } => (*over, *from),
            DataAction::RoundTrips { over, .. } => (*over, Sender::Client),
            _ => return,
        };
        let to = SocketAddr::from((SERVER, port));
        let (sender, events) = mpsc::channel();
        self.events = Some(events);
        let endpoint = match over {
            Transport::Tcp => self.stream(to, patience).map(Endpoint::Stream),
            Transport::Udp => self.datagrams(from).map(|socket| Endpoint::Datagrams(socket, to)),
        };
        let action = action.clone();
        thread::spawn(move || {
            let mut sent = Sent::default();
            let outcome = endpoint.and_then(|endpoint| endpoint.carry_out(&action, patience, &mut sent));
            // Fails if the player has gone on.
            let _ = sender.send(sent.into_event(over, from, outcome));
        });
    }

    /// The event of a thread that is done.
    ///
    /// # Errors
    /// The machine refuses what the runner itself needs. This says nothing about the server.
    pub(in crate::play) fn next_event(&mut self) -> Option<io::Result<DataEvent>> {
        self.events.as_ref()?.try_recv().ok()
    }

    /// Datagrams that the kernel has dropped since the first was sent; `None` where the system does not say.
    pub(in crate::play) fn drops(&self) -> Option<u64> {
        let between = netstat::udp_counters().ok()? - self.counters_before?;
        Some(between.receive_buffer_errors)
    }

    /// Closes all data connections: the next session opens its own.
    pub(in crate::play) fn close(&mut self) {
        self.stream = None;
        self.datagrams = None;
    }

    fn stream(&mut self, to: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
        if let Some((port, stream)) = &self.stream
            && *port == to.port()
        {
            return stream.try_clone();
        }
        let stream = TcpStream::connect_timeout(&to, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let clone = stream.try_clone()?;
        self.stream = Some((to.port(), stream));
        Ok(clone)
    }

    fn datagrams(&mut self, from: Sender) -> io::Result<UdpSocket> {
        if from == Sender::Stranger {
            return UdpSocket::bind((STRANGER, 0));
        }
        if let Some(socket) = &self.datagrams {
            return socket.try_clone();
        }
        let socket = UdpSocket::bind((SERVER, 0))?;
        let clone = socket.try_clone()?;
        self.datagrams = Some(socket);
        Ok(clone)
    }
}

enum Endpoint {
    Stream(TcpStream),
    Datagrams(UdpSocket, SocketAddr),
}

/// What has been sent so far, and what came back.
#[derive(Default)]
struct Sent {
    messages: u64,
    bytes: u64,
    replies: u64,
    odd_reply_bytes: Option<usize>,
}

impl Sent {
    fn message(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    fn into_event(self, over: Transport, from: Sender, outcome: io::Result<()>) -> io::Result<DataEvent> {
        let Self { messages, bytes, replies, odd_reply_bytes } = self;
        let error = match outcome {
            Err(error) if is_of_this_machine(&error) => return Err(error),
            other => other.err().map(|error| in_words(&error)),
        };
        Ok(DataEvent::Sent { over, from, messages, bytes, replies, odd_reply_bytes, error })
    }
}

impl Endpoint {
    fn carry_out(mut self, action: &DataAction, patience: Duration, sent: &mut Sent) -> io::Result<()> {
        match action {
            DataAction::Send { amount, pace, from, .. } => {
                self.send_all(*amount, *pace, sent)?;
                match (from, self) {
                    (Sender::Stranger, Self::Datagrams(socket, _)) => take_replies(&socket, MOMENT, 0, sent),
                    _ => Ok(()),
                }
            }
            DataAction::RoundTrips { amount, .. } => match self {
                Self::Stream(stream) => round_trips_over_tcp(stream, *amount, patience, sent),
                Self::Datagrams(socket, to) => round_trips_over_udp(&socket, to, *amount, patience, sent),
            },
            _ => Ok(()),
        }
    }

    fn send_all(&mut self, amount: Amount, pace: Duration, sent: &mut Sent) -> io::Result<()> {
        let message = vec![0x5A; amount.bytes];
        let began = Instant::now();
        for index in 1..=amount.messages {
            match self {
                Self::Stream(stream) => stream.write_all(&message)?,
                Self::Datagrams(socket, to) => {
                    socket.send_to(&message, *to)?;
                }
            }
            sent.message(amount.bytes);
            // Counted from the beginning, so that one late wake-up does not delay all that follow.
            let due = pace * index;
            thread::sleep(due.saturating_sub(began.elapsed()));
        }
        Ok(())
    }
}

fn round_trips_over_tcp(
    mut stream: TcpStream,
    amount: Amount,
    patience: Duration,
    sent: &mut Sent,
) -> io::Result<()> {
    let message = vec![0x5A; amount.bytes];
    let mut reply = vec![0; amount.bytes + 1];
    stream.set_read_timeout(Some(patience))?;
    for _ in 0..amount.messages {
        stream.write_all(&message)?;
        sent.message(amount.bytes);
        let mut missing = amount.bytes;
        while missing > 0 {
            match stream.read(&mut reply) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    sent.replies += count as u64;
                    missing = missing.saturating_sub(count);
                }
                Err(error) if is_silence(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
    stream.set_read_timeout(Some(SURPLUS_COMES_WITHIN))?;
    match stream.read(&mut reply) {
        Ok(count) => sent.replies += count as u64,
        Err(error) if is_silence(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn round_trips_over_udp(
    socket: &UdpSocket,
    to: SocketAddr,
    amount: Amount,
    patience: Duration,
    sent: &mut Sent,
) -> io::Result<()> {
    let message = vec![0x5A; amount.bytes];
    for _ in 0..amount.messages {
        socket.send_to(&message, to)?;
        sent.message(amount.bytes);
        let before = sent.replies;
        take_reply(socket, patience, amount.bytes, sent)?;
        if sent.replies == before {
            return Ok(());
        }
    }
    take_replies(socket, SURPLUS_COMES_WITHIN, amount.bytes, sent)
}

/// Reads one reply within `within`. Returns whether one came.
fn take_reply(socket: &UdpSocket, within: Duration, due_bytes: usize, sent: &mut Sent) -> io::Result<bool> {
    let mut reply = [0; 2048];
    socket.set_read_timeout(Some(within))?;
    match socket.recv(&mut reply) {
        Ok(count) => {
            sent.replies += 1;
            if count != due_bytes {
                sent.odd_reply_bytes.get_or_insert(count);
            }
            Ok(true)
        }
        Err(error) if is_silence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads replies until none has come for `quiet`. It stops early if a server echoes without end.
fn take_replies(socket: &UdpSocket, quiet: Duration, due_bytes: usize, sent: &mut Sent) -> io::Result<()> {
    let most = sent.messages * 2 + 1;
    while sent.replies < most && take_reply(socket, quiet, due_bytes, sent)? {}
    Ok(())
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether the error means that this machine lacks something, and not that the server did something.
fn is_of_this_machine(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EADDRNOTAVAIL)
    )
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "the server closed the data connection".to_owned()
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server took no more data".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_descriptor_left(Errno::EMFILE)]
    #[case::no_file_left_on_the_machine(Errno::ENFILE)]
    #[case::no_buffer_left(Errno::ENOBUFS)]
    #[case::no_memory_left(Errno::ENOMEM)]
    #[case::no_port_left(Errno::EADDRNOTAVAIL)]
    fn what_the_machine_lacks_says_nothing_about_the_server(#[case] errno: Errno) {
        let outcome = Sent::default().into_event(Transport::Udp, Sender::Client, Err(errno.into()));
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(errno as i32));
    }

    #[rstest]
    #[case::nobody_listens(Errno::ECONNREFUSED, "connection refused")]
    #[case::a_reset(Errno::ECONNRESET, "connection reset")]
    #[case::a_close(Errno::EPIPE, "the server closed the data connection")]
    #[case::silence(Errno::EAGAIN, "the server took no more data")]
    fn what_the_server_did_is_reported(#[case] errno: Errno, #[case] words: &str) {
        let event = Sent::default().into_event(Transport::Tcp, Sender::Client, Err(errno.into())).unwrap();
        assert!(matches!(event, DataEvent::Sent { error: Some(error), .. } if error == words));
    }
}
