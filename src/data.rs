//! The data thread: it owns the test's data socket, and is started, stopped and joined by the control thread.
//!
//! Each of the four tests has a file, with the client's half and the server's in it. Without traffic (`--no-data`, as in
//! P3) the thread opens, waits and closes. A server opens the port that it announces even then.

mod busy;
mod drain;
mod pace;
mod progress;
mod rounds;
pub(crate) mod socket;
mod stop;
mod tcp_rr;
mod tcp_stream;
mod udp_rr;
mod udp_stream;

use std::io::{self, PipeReader};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output::{self, Voice};
use crate::protocol::message::TestType;
use crate::tally::{Broken, Tally};
use crate::wait::{Source, readable};
pub(crate) use progress::{Counters, Progress};
use socket::TestSocket;
use stop::{StopSignal, Stopper, stopper};

/// One half of a test.
#[derive(Debug)]
pub(crate) enum Job {
    /// Keep the socket, if any, open without traffic: for this long, or until told to stop.
    Idle(Option<TestSocket>, Option<Duration>),
    /// The server's half: take the client's data until told to stop.
    Serve(Service),
    /// The client's half.
    Measure(Plan),
}

/// What a server takes.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) test: TestType,
    /// The open test port.
    pub(crate) socket: TestSocket,
    /// Data from any other address is not counted.
    pub(crate) client: IpAddr,
    /// `--copy`: every byte is read.
    pub(crate) copy: bool,
    /// Whether the system may join datagrams.
    pub(crate) offload: bool,
    /// `--busy-poll`
    pub(crate) busy_poll: bool,
}

/// What a client measures.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) test: TestType,
    /// The server's test port.
    pub(crate) server: SocketAddr,
    /// This host's address, by which the server knows the client; with port 0.
    pub(crate) local: SocketAddr,
    /// How long, from the start of the thread.
    pub(crate) time: Duration,
    /// Bytes of a message or datagram of the STREAM tests; the documents' length if `None`.
    pub(crate) length: Option<usize>,
    /// Bits of payload per second; as many as possible if `None`.
    pub(crate) rate: Option<u64>,
    /// `--copy`: every byte comes from the program's memory.
    pub(crate) copy: bool,
    /// Whether the system may cut a send into datagrams.
    pub(crate) offload: bool,
    /// `--busy-poll`
    pub(crate) busy_poll: bool,
}

impl Plan {
    /// The bytes of one message: what the user asks for, or 64 KiB over TCP and 1472 over UDP (S).
    fn length(&self) -> usize {
        self.length.unwrap_or(if self.test.is_udp() { 1472 } else { 64 << 10 })
    }
}

/// The data thread failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("cannot start the data thread: {0}")]
    Start(io::Error),
    #[error("the data thread cannot wait: {0}")]
    Wait(io::Error),
    #[error("the data socket failed: {0}")]
    Socket(io::Error),
    #[error("the data thread died")]
    Died,
}

/// A running data thread. A drop stops and joins it: no test lasts longer than its control connection.
#[derive(Debug)]
pub(crate) struct DataThread {
    stopper: Stopper,
    progress: Arc<Progress>,
    deadline: Option<Instant>,
    /// Readable (at end-of-file) when the thread has ended.
    ended: PipeReader,
    thread: Option<JoinHandle<Result<Tally, DataError>>>,
}

impl DataThread {
    /// Starts the thread; `voice` is where it says that it opens and closes.
    pub(crate) fn start(job: Job, voice: Voice) -> Result<Self, DataError> {
        let time = match &job {
            Job::Idle(_, time) => *time,
            Job::Serve(..) => None,
            Job::Measure(plan) => Some(plan.time),
        };
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        let (stopper, stop) = stopper(deadline).map_err(DataError::Start)?;
        let (ended, running) = io::pipe().map_err(DataError::Start)?;
        let progress = Arc::new(Progress::new());
        let shared = Arc::clone(&progress);
        let body = move || {
            // This closes when the thread ends, in whatever way.
            let _running = running;
            voice.say("Data thread opening");
            let result = run(job, &stop, &shared);
            voice.say("Data thread closing");
            result
        };
        let thread = thread::Builder::new().name("data".to_owned()).spawn(body).map_err(DataError::Start)?;
        Ok(Self { stopper, progress, deadline, ended, thread: Some(thread) })
    }

    /// Ready when the thread has ended.
    pub(crate) fn ended(&self) -> Source<'_> {
        readable(&self.ended)
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// When the thread's time is up. It then ends by itself, unless it is blocked in a call: its owner must tell it to
    /// stop.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Tells the thread to stop, without waiting for its end.
    pub(crate) fn tell(&mut self) {
        self.deadline = None;
        self.stopper.stop();
    }

    /// Tells the thread to stop, waits for its end, and returns what it counted.
    pub(crate) fn stop(mut self) -> Result<Tally, DataError> {
        self.end()
    }

    fn end(&mut self) -> Result<Tally, DataError> {
        self.tell();
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or(Err(DataError::Died)),
            None => Err(DataError::Died),
        }
    }
}

impl Drop for DataThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _abandoned = self.end();
        }
    }
}

fn run(job: Job, stop: &StopSignal, progress: &Progress) -> Result<Tally, DataError> {
    let mut tally = Tally::default();
    match job {
        Job::Idle(socket, _) => {
            stop.wait_for_end().map_err(DataError::Wait)?;
            drop(socket);
        }
        Job::Serve(service) => {
            serve(&service, stop, progress, &mut tally).map_err(DataError::Socket)?;
        }
        Job::Measure(plan) => {
            if let Err(why) = measure(&plan, stop, progress, &mut tally) {
                output::diagnose(&why);
                tally.broken = Some(why);
            }
            // The protocol goes on without data: Done is due when the time is up, and not before.
            stop.wait_for_end().map_err(DataError::Wait)?;
        }
    }
    Ok(tally)
}

fn serve(service: &Service, stop: &StopSignal, progress: &Progress, tally: &mut Tally) -> io::Result<()> {
    let &Service { test, ref socket, client, copy, offload, busy_poll } = service;
    match (socket, test) {
        (TestSocket::Tcp(listener), TestType::TcpRr) => {
            tcp_rr::answer(listener, client, busy_poll, stop, progress, tally)
        }
        (TestSocket::Tcp(listener), _) => tcp_stream::receive(listener, client, copy, stop, progress, tally),
        (TestSocket::Udp(socket), TestType::UdpRr) => {
            udp_rr::answer(socket, client, busy_poll, stop, progress, tally)
        }
        (TestSocket::Udp(socket), _) => {
            udp_stream::receive(socket, client, (offload, copy), stop, progress, tally)
        }
    }
}

fn measure(plan: &Plan, stop: &StopSignal, progress: &Progress, tally: &mut Tally) -> Result<(), Broken> {
    match plan.test {
        TestType::TcpStream => tcp_stream::send(plan, stop, progress, tally),
        TestType::TcpRr => tcp_rr::ask(plan, stop, progress, tally),
        TestType::UdpStream => udp_stream::send(plan, stop, progress, tally),
        TestType::UdpRr => udp_rr::ask(plan, stop, progress, tally),
    }
}
