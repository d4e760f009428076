//! The client's data thread: it sends for `--time` seconds. Serves the client.

use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    datagrams,
    plan::{Plan, Sent, until},
    streams,
};
use crate::{output, stop::Stop, variants::on, wire::Test};

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

    /// Becomes readable when it ends.
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

/// Runs the test, and waits until its time is over.
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
