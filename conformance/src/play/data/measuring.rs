//! The runner's test port for a case about the client's data: TCP and UDP under one number, read at full speed (or
//! slowly, or echoed) and counted. One thread reads the datagrams, and one each TCP connection. They end with the
//! process: a worker lives for one case.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use socket2::Socket;

use crate::model::data::PortMode;
use crate::model::transcript::DataSeen;
use crate::play::data_port;
use crate::stage::netstat;

/// The most bytes of one read of a stream.
const READ_BYTES: usize = 256 << 10;

/// The slow reader: 64 KiB every 5 ms, 105 Mbit/s. This is a tenth of what a client in an interpreted language easily
/// sends, and costs very little.
const SLOW_READ_BYTES: usize = 64 << 10;
const SLOW_READ_EVERY: Duration = Duration::from_millis(5);

/// How long a slow echo delays each reply: far above a round trip on loopback, far below any client's timeout.
const SLOW_REPLY_AFTER: Duration = Duration::from_millis(5);

/// A client that sends again this soon after a datagram did not wait for its reply: no client gives up so early.
const EARLIEST_RETRY: Duration = Duration::from_millis(5);

/// After this time without data no more comes: loopback delivers within microseconds.
const QUIET: Duration = Duration::from_millis(40);

/// The longest wait for a client that still sends after Done. A full buffer is read in less time, also on a busy
/// machine.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);

/// The buffer of a connection that is read slowly. What is unread in it at the end was sent and has not arrived. That
/// must be little compared with all that has arrived.
const SLOW_BUFFER_BYTES: usize = 256 << 10;

/// The buffer that is requested. The system may give less.
const BUFFER_BYTES: usize = 32 << 20;

/// The open port.
pub(in crate::play) struct MeasuringPort {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: PortMode,
    opened: Instant,
    /// The test is over: the rest is read at full speed.
    hurry: AtomicBool,
    /// Every connection that was accepted, to check for unread bytes.
    streams: Mutex<Vec<Socket>>,
    seen: Mutex<DataSeen>,
}

impl MeasuringPort {
    /// Opens a free port for both protocols and serves it.
    pub(in crate::play) fn open(mode: PortMode) -> io::Result<Self> {
        let (listener, datagrams) = data_port::pair()?;
        let port = listener.local_addr()?.port();
        // The system may give less than requested. Drops are counted.
        let _ = socket2::SockRef::from(&datagrams).set_recv_buffer_size(BUFFER_BYTES);
        let hurry = AtomicBool::new(false);
        let (streams, seen) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { mode, opened: Instant::now(), hurry, streams, seen });
        if matches!(mode, PortMode::TakeSlowing { .. }) {
            // Set on the listener: each connection then has it from its first segment on.
            let _ = socket2::SockRef::from(&listener).set_recv_buffer_size(SLOW_BUFFER_BYTES);
        }
        let for_streams = Arc::clone(&shared);
        thread::spawn(move || for_streams.accept(&listener));
        let for_datagrams = Arc::clone(&shared);
        thread::spawn(move || for_datagrams.take_datagrams(&datagrams));
        Ok(Self { port, shared })
    }

    /// The number.
    pub(in crate::play) fn number(&self) -> u16 {
        self.port
    }

    /// Waits until no more data comes. Returns what has come.
    pub(in crate::play) fn settled(&self) -> DataSeen {
        if !self.shared.hurry.swap(true, Ordering::Relaxed) {
            let mut seen = self.shared.seen();
            seen.stream_bytes_in_test = seen.stream_bytes;
        }
        let asked = Instant::now();
        loop {
            let last = self.shared.opened + self.shared.seen().last;
            let quiet = last.max(asked).elapsed() >= QUIET && !self.shared.has_unread();
            if quiet || asked.elapsed() >= SETTLES_WITHIN {
                break;
            }
            thread::sleep(QUIET / 8);
        }
        let dropped = netstat::udp_port(self.port).map_or(0, |port| port.drops);
        DataSeen { dropped, ..self.shared.seen().clone() }
    }

    /// The throughput of a plain loop of writes on the client's path, in Mbit/s.
    pub(in crate::play) fn plain_sender(&self, time: Duration) -> io::Result<f64> {
        let before = self.shared.seen().stream_bytes;
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        let message = vec![0x5A; 64 << 10];
        let began = Instant::now();
        while began.elapsed() < time {
            stream.write_all(&message)?;
        }
        stream.shutdown(Shutdown::Write)?;
        let seen = self.settled();
        let span = seen.last.saturating_sub(began - self.shared.opened);
        Ok(megabits_per_second(seen.stream_bytes - before, span))
    }
}

/// Megabits (10^6 bits) per second; 0 where no time passed.
#[expect(clippy::cast_precision_loss, reason = "a figure for people, of bytes far below 2^53")]
pub(super) fn megabits_per_second(bytes: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { bytes as f64 * 8.0 / 1e6 / time.as_secs_f64() }
}

fn has_unread(stream: &Socket) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    matches!(stream.recv_with_flags(&mut byte, flags), Ok(1))
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, DataSeen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection holds an unread byte.
    fn has_unread(&self) -> bool {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.iter().any(has_unread)
    }

    /// Records that data came now.
    fn arrived(&self) -> MutexGuard<'_, DataSeen> {
        let now = self.opened.elapsed();
        let mut seen = self.seen();
        if seen.stream_bytes + seen.datagrams == 0 {
            seen.first = now;
        } else {
            seen.longest_pause = seen.longest_pause.max(now.saturating_sub(seen.last));
        }
        seen.last = now;
        seen
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            self.seen().connections += 1;
            if let Ok(clone) = stream.try_clone() {
                self.streams.lock().unwrap_or_else(PoisonError::into_inner).push(clone.into());
            }
            let shared = Arc::clone(self);
            thread::spawn(move || {
                // How the client ended the connection does not matter here.
                let _ = match shared.mode {
                    PortMode::Take => shared.take(stream),
                    PortMode::TakeSlowly => shared.take_slowly(stream),
                    PortMode::TakeSlowing { after } => shared.take_slowing(stream, after),
                    PortMode::Echo
                    | PortMode::EchoSlowing { .. }
                    | PortMode::EchoHolding { .. }
                    | PortMode::EchoLosing { .. } => shared.echo(stream),
                };
            });
        }
    }

    fn take(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.arrived().stream_bytes += count as u64,
            }
        }
    }

    fn take_slowing(&self, mut stream: TcpStream, after: Duration) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let slow = self.has_flowed_for(after) && !self.hurry.load(Ordering::Relaxed);
            let most = if slow { SLOW_READ_BYTES } else { READ_BYTES };
            match stream.read(&mut buffer[..most])? {
                0 => return Ok(()),
                count => self.arrived().stream_bytes += count as u64,
            }
            if slow {
                thread::sleep(SLOW_READ_EVERY);
            }
        }
    }

    /// Whether the first byte or datagram came at least `time` ago.
    fn has_flowed_for(&self, time: Duration) -> bool {
        let seen = self.seen();
        seen.stream_bytes + seen.datagrams > 0 && self.opened.elapsed() >= seen.first + time
    }

    /// Waits before a reply, if the echo has become slow.
    fn slow_down(&self) {
        if let PortMode::EchoSlowing { after } = self.mode
            && self.has_flowed_for(after)
            && !self.hurry.load(Ordering::Relaxed)
        {
            thread::sleep(SLOW_REPLY_AFTER);
        }
    }

    fn take_slowly(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; SLOW_READ_BYTES];
        stream.set_nonblocking(true)?;
        while !self.hurry.load(Ordering::Relaxed) {
            let read = stream.read(&mut buffer);
            let begun = self.seen().stream_bytes > 0;
            match read {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let mut seen = self.arrived();
                    seen.stream_bytes += count as u64;
                    seen.reads += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut seen = self.seen();
                    seen.reads += u64::from(begun);
                    seen.starved += u64::from(begun);
                }
                Err(error) => return Err(error),
            }
            thread::sleep(SLOW_READ_EVERY);
        }
        stream.set_nonblocking(false)?;
        self.take(stream)
    }

    fn echo(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            let total = {
                let mut seen = self.arrived();
                seen.stream_bytes += count as u64;
                // More than one byte at once: the next one did not wait for the reply to the first.
                seen.ahead += u64::from(count > 1);
                seen.stream_bytes
            };
            if let PortMode::EchoHolding { every, time } = self.mode
                && total % every == 0
            {
                thread::sleep(time);
                stream.set_nonblocking(true)?;
                let more = matches!(stream.peek(&mut [0; 1]), Ok(1..));
                stream.set_nonblocking(false)?;
                let mut seen = self.seen();
                seen.held += 1;
                seen.ahead += u64::from(more);
            }
            self.slow_down();
            stream.write_all(&buffer[..count])?;
            self.seen().answered += count as u64;
        }
    }

    fn take_datagrams(&self, socket: &UdpSocket) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            // A failed receive is an ICMP error for an earlier echo: that client is gone, others may come.
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            let nth = self.datagram(length);
            match self.mode {
                PortMode::Take | PortMode::TakeSlowly | PortMode::TakeSlowing { .. } => continue,
                PortMode::EchoLosing { every } if nth.is_multiple_of(every) => {
                    self.seen().unanswered += 1;
                    continue;
                }
                PortMode::EchoHolding { every, time } if nth.is_multiple_of(every) => self.hold(socket, time),
                PortMode::Echo
                | PortMode::EchoSlowing { .. }
                | PortMode::EchoHolding { .. }
                | PortMode::EchoLosing { .. } => {}
            }
            self.slow_down();
            if socket.send_to(&buffer[..length], from).is_ok() {
                self.seen().answered += 1;
            }
        }
    }

    /// Counts a datagram. Returns its number, from 1 on.
    fn datagram(&self, length: usize) -> u64 {
        let mut seen = self.arrived();
        seen.smallest_bytes = if seen.datagrams == 0 { length } else { seen.smallest_bytes.min(length) };
        seen.largest_bytes = seen.largest_bytes.max(length);
        seen.datagrams += 1;
        seen.datagram_bytes += length as u64;
        seen.after_loss += u64::from(seen.unanswered > 0);
        seen.datagrams
    }

    /// Delays a reply for `time`, and records whether the client sends before any timeout of its own. What comes stays
    /// in the socket: it is answered after the delayed reply.
    fn hold(&self, socket: &UdpSocket, time: Duration) {
        let began = Instant::now();
        let waits = socket.set_read_timeout(Some(EARLIEST_RETRY.min(time)));
        let more = waits.is_ok() && socket.peek_from(&mut [0; 1]).is_ok();
        let _ = socket.set_read_timeout(None);
        let mut seen = self.seen();
        seen.held += 1;
        seen.ahead += u64::from(more && began.elapsed() < EARLIEST_RETRY);
        drop(seen);
        thread::sleep(time.saturating_sub(began.elapsed()));
    }
}
