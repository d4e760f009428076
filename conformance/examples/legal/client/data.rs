//! The client's data thread: it lives for `--time` seconds, and sends. It serves the client.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::poll::PollFlags;

use super::{datagrams, report, streams};
use crate::{
    output,
    stop::Stop,
    variants::on,
    wait::{self, Awaited},
    wire::Test,
};

/// What is to be done, and until when.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) test: Test,
    pub(super) server: SocketAddr,
    pub(super) began: Instant,
    pub(super) ends: Instant,
}

/// What was done.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) trips: u64,
    /// From the first byte on.
    pub(super) time: Duration,
    /// Why nothing was measured.
    pub(super) trouble: Option<String>,
    /// A connection that is to outlive Done.
    pub(super) connection: Option<TcpStream>,
    told: Duration,
}

impl Sent {
    /// Says now and then how far it is.
    pub(super) fn progress(&mut self, plan: &Plan, began: Instant) {
        const EVERY: Duration = Duration::from_millis(500);
        let now = began.elapsed();
        if on("progress") && now >= self.told + EVERY {
            self.told = now;
            report::progress(plan.test, self, now);
        }
    }
}

/// The thread.
pub(super) struct InThread {
    stop: Arc<Stop>,
    ended: UnixStream,
    thread: Option<JoinHandle<Sent>>,
}

impl InThread {
    pub(super) fn start(plan: Plan) -> io::Result<Self> {
        let stop = Arc::new(Stop::new()?);
        let (ended, mut end) = UnixStream::pair()?;
        let theirs = Arc::clone(&stop);
        let thread = thread::Builder::new().spawn(move || {
            output::data_thread("opening");
            let sent = measure(&plan, &theirs);
            output::data_thread("closing");
            let _ = end.write(&[1]);
            sent
        })?;
        Ok(Self { stop, ended, thread: Some(thread) })
    }

    /// What becomes readable when it ends.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    pub(super) fn end(mut self) -> Sent {
        self.join()
    }

    fn join(&mut self) -> Sent {
        self.stop.request();
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for InThread {
    fn drop(&mut self) {
        self.join();
    }
}

/// Runs the test; what remains of its time is waited out.
fn measure(plan: &Plan, stop: &Stop) -> Sent {
    if on("data-socket-late") {
        until(stop, &[], (plan.began + Duration::from_millis(200)).min(plan.ends));
    }
    let mut sent = Sent::default();
    if on("part-1") {
        until(stop, &[], plan.ends);
        return sent;
    }
    let began = Instant::now();
    let outcome = match plan.test {
        Test::TcpStream | Test::TcpRr => streams::run(plan, stop, began, &mut sent),
        Test::UdpStream | Test::UdpRr => datagrams::run(plan, stop, began, &mut sent),
    };
    sent.time = began.elapsed();
    if let Err(error) = outcome {
        sent.trouble = Some(format!("no data could be exchanged on port {}: {error}", plan.server.port()));
    }
    until(stop, &[], plan.ends);
    sent
}

/// Waits for one of these until then, or for the stop. Whether one of these is ready.
pub(super) fn until(stop: &Stop, awaited: &[Awaited<'_>], deadline: Instant) -> bool {
    let mut all = vec![(stop.fd(), PollFlags::POLLIN)];
    all.extend_from_slice(awaited);
    wait::any(&all, Some(deadline)).is_ok_and(|ready| ready.iter().skip(1).any(|&ready| ready))
}

/// Whether the test is over.
pub(super) fn over(plan: &Plan, stop: &Stop) -> bool {
    stop.requested() || Instant::now() >= plan.ends
}
