//! The data thread: it owns the test's data socket, and is started, stopped and joined by the control thread.
//!
//! Without traffic (all of P3, and `--no-data`) it opens, waits and closes; its socket is real, so that the port that the
//! server announces is one.

pub(crate) mod socket;

use std::io::{self, PipeReader, PipeWriter};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output;
use crate::tally::Tally;
use crate::wait::{Source, readable, wait_for_owner};
use socket::TestSocket;

/// One half of a test.
#[derive(Debug)]
pub(crate) enum Job {
    /// The server's half: keep this socket open until told to stop.
    Serve(TestSocket),
    /// The client's half: run for this long, or until told to stop.
    Measure(Duration),
}

/// The data thread failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("cannot start the data thread: {0}")]
    Start(io::Error),
    #[error("the data thread cannot wait: {0}")]
    Wait(io::Error),
    #[error("the data thread died")]
    Died,
}

/// A running data thread. Dropped, it is stopped and joined: no test outlives its control connection.
#[derive(Debug)]
pub(crate) struct DataThread {
    /// Closing this end tells the thread to stop.
    stop: Option<PipeWriter>,
    /// Readable (at end-of-file) when the thread has ended.
    ended: PipeReader,
    thread: Option<JoinHandle<Result<Tally, DataError>>>,
}

impl DataThread {
    /// Starts the thread.
    pub(crate) fn start(job: Job) -> Result<Self, DataError> {
        let (stopped, stop) = io::pipe().map_err(DataError::Start)?;
        let (ended, running) = io::pipe().map_err(DataError::Start)?;
        let body = move || {
            // Closed with the thread, however that ends.
            let _running = running;
            run(job, &stopped)
        };
        let thread = thread::Builder::new().name("data".to_owned()).spawn(body).map_err(DataError::Start)?;
        Ok(Self { stop: Some(stop), ended, thread: Some(thread) })
    }

    /// Ready when the thread has ended.
    pub(crate) fn ended(&self) -> Source<'_> {
        readable(&self.ended)
    }

    /// Tells the thread to stop, waits for its end, and returns what it counted.
    pub(crate) fn stop(mut self) -> Result<Tally, DataError> {
        self.end()
    }

    fn end(&mut self) -> Result<Tally, DataError> {
        drop(self.stop.take());
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

fn run(job: Job, stopped: &PipeReader) -> Result<Tally, DataError> {
    let started = Instant::now();
    output::say("Data thread opening");
    let (deadline, socket) = match job {
        Job::Serve(socket) => (None, Some(socket)),
        Job::Measure(time) => (started.checked_add(time), None),
    };
    let waited = wait_for_owner(stopped, deadline).map_err(DataError::Wait);
    drop(socket);
    output::say("Data thread closing");
    waited.map(|_told| Tally { time: started.elapsed(), udp_packets_received: 0 })
}
