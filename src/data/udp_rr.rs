//! UDP_RR: one datagram there, one back, one at a time, and what happens when one is lost (S, the slide on UDP round
//! trips, leaves that as a question; spec/ambiguities.md, "How UDP_RR counts loss").

mod patience;
mod sequence;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, Shutdown, recvfrom};

use super::Plan;
use super::busy::{Choice, Way, look, spin};
use super::drain::Drain;
use super::progress::Progress;
use super::rounds;
use super::socket::{connect_udp, datagram_path, drops, is_nothing, refused};
use super::stop::{StopSignal, WAKES_ALL};
use crate::tally::{Broken, Method, Tally, latencies};
use crate::wait::readable;
use patience::Patience;
use sequence::{Judgement, Sequence};

/// Datagrams carry one byte; what is longer than this is cut.
const DATAGRAM_BYTES: usize = 16;

/// The client's half: round trips until the time is up.
pub(super) fn ask(
    plan: &Plan,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let mut asker = Asker {
        plan,
        stop,
        progress,
        socket: connect(plan, stop)?,
        sequence: Sequence::default(),
        patience: Patience::default(),
        timeout: None,
        choice: Choice::new(plan.busy_poll, Instant::now()),
    };
    tally.path = datagram_path(&asker.socket).ok();
    tally.method = Some(if plan.busy_poll { Method::BusyPoll } else { Method::Blocking });
    tally.latency_ns = latencies();
    rounds::play(stop, tally, |asked, tally| asker.round_trip(asked, tally))
}

fn connect(plan: &Plan, stop: &StopSignal) -> io::Result<UdpSocket> {
    let socket = connect_udp(plan.server, plan.local)?;
    stop.unblock(&socket, Shutdown::Both)?;
    Ok(socket)
}

/// The client's state between round trips.
struct Asker<'a> {
    plan: &'a Plan,
    stop: &'a StopSignal,
    progress: &'a Progress,
    socket: UdpSocket,
    sequence: Sequence,
    patience: Patience,
    /// The receive timeout that the socket has.
    timeout: Option<Duration>,
    choice: Choice,
}

impl Asker<'_> {
    /// Sends one datagram and waits for its reply, for as long as the patience lasts. Returns when it ended, or nothing
    /// when the test did.
    fn round_trip(&mut self, asked: Instant, tally: &mut Tally) -> Result<Option<Instant>, Broken> {
        let byte = self.sequence.next();
        if let Err(error) = self.socket.send(&[byte]) {
            return self.failed(error, tally);
        }
        tally.datagrams += 1;
        let patience = self.patience.now();
        loop {
            let left = patience.saturating_sub(asked.elapsed());
            let (reply, way) = match self.receive(left) {
                Ok(received) => received,
                Err(error) => return self.failed(error, tally),
            };
            if self.stop.is_told() {
                return Ok(None);
            }
            let now = Instant::now();
            match reply.map(|byte| self.sequence.judge(byte)) {
                Some(Judgement::Late) => tally.late += 1,
                Some(Judgement::Due) => {
                    let took = now - asked;
                    self.patience.answered(took);
                    rounds::count_answer(self.progress, tally, took, way);
                    self.choice.count(|| now);
                    return Ok(Some(now));
                }
                None if now < asked + patience => {}
                None => {
                    tally.unanswered += 1;
                    self.patience.disappointed();
                    if self.sequence.lost() {
                        // The byte does not show which reply is late. A new port does.
                        self.socket = connect(self.plan, self.stop)?;
                        self.timeout = None;
                    }
                    return Ok(Some(now));
                }
            }
        }
    }

    /// The first byte of the next datagram (0 for an empty one), or nothing within this time; and how it was met.
    fn receive(&mut self, left: Duration) -> io::Result<(Option<u8>, Way)> {
        if left.is_zero() {
            return Ok((None, Way::Block));
        }
        let mut reply = [0; DATAGRAM_BYTES];
        if self.choice.way() == Way::Spin
            && let Some(met) = spin(|| look(&self.socket, &mut reply))
        {
            return met.map(|_| (Some(reply[0]), Way::Spin));
        }
        if WAKES_ALL {
            // Rounded: while replies are fast, it stays the same and is not set again.
            let timeout = patience::rounded(left);
            if self.timeout != Some(timeout) {
                self.socket.set_read_timeout(Some(timeout))?;
                self.timeout = Some(timeout);
            }
        } else {
            self.stop.wait([readable(&self.socket)], Some(Instant::now() + left))?;
            self.socket.set_nonblocking(true)?;
        }
        match self.socket.recv(&mut reply) {
            Ok(_) => Ok((Some(reply[0]), Way::Block)),
            Err(error) if is_nothing(&error) => Ok((None, Way::Block)),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: io::Error, tally: &Tally) -> Result<Option<Instant>, Broken> {
        match error.kind() {
            _ if self.stop.is_over(Instant::now()) => Ok(None),
            ErrorKind::ConnectionRefused if tally.round_trips > 0 => Err(Broken::Closed),
            _ => Err(refused(error)),
        }
    }
}

/// The server's half: one datagram back for each of the client's, to the port that it came from; counts them, those that
/// lie in the socket at the stop as well.
pub(super) fn answer(
    socket: &UdpSocket,
    client: IpAddr,
    busy_poll: bool,
    stop: &StopSignal,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<()> {
    stop.unblock(socket, Shutdown::Read)?;
    let mut choice = Choice::new(busy_poll, Instant::now());
    while !stop.is_told() {
        let met = match choice.way() {
            Way::Spin => spin(|| take(socket, client, RecvFlags::DONTWAIT, progress, tally)),
            Way::Block => None,
        };
        let met = match met {
            Some(met) => met,
            None if WAKES_ALL => take(socket, client, RecvFlags::empty(), progress, tally),
            None => {
                stop.wait([readable(socket)], None)?;
                take(socket, client, RecvFlags::DONTWAIT, progress, tally)
            }
        };
        match met {
            Ok(_) => choice.count(Instant::now),
            Err(error) if is_nothing(&error) => {}
            // The stop's shutdown looks like a datagram without a sender.
            Err(_) if stop.is_told() => {}
            Err(error) => return Err(error),
        }
    }
    let mut drain = Drain::new(stop);
    let mut was_quiet = false;
    while !drain.is_exhausted() {
        match take(socket, client, RecvFlags::DONTWAIT, progress, tally) {
            Ok(_) => was_quiet = false,
            Err(_) if was_quiet => break,
            // A socket that is shut down is always ready, so a wait for it would end at once.
            Err(_) => {
                drain.pause()?;
                was_quiet = true;
            }
        }
    }
    tally.drops = drops(socket).unwrap_or(0);
    Ok(())
}

/// Receives one datagram, counts it and answers it, if it is the client's.
fn take(
    socket: &UdpSocket,
    client: IpAddr,
    flags: RecvFlags,
    progress: &Progress,
    tally: &mut Tally,
) -> io::Result<usize> {
    let mut request = [0; DATAGRAM_BYTES];
    let (_, count, from) = recvfrom(socket, &mut request, flags)?;
    let from = from.and_then(|from| SocketAddr::try_from(from).ok()).ok_or(ErrorKind::InvalidInput)?;
    if from.ip().to_canonical() != client {
        tally.strangers += 1;
        return Ok(count);
    }
    tally.bytes += count as u64;
    tally.datagrams += 1;
    progress.heard();
    progress.publish(tally.bytes, tally.datagrams);
    // If the reply cannot be sent, it is lost, and the client notices.
    let _lost = socket.send_to(&request[..1], from);
    Ok(count)
}
