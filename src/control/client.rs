//! The client: finds the server, asks for a test, lets the data thread run, and takes the results.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use super::connect::connect_any;
use super::connection::{Connection, Received};
use super::resolve::resolve;
use crate::cli::ClientConfig;
use crate::data::{Counters, DataError, DataThread, Job, Plan};
use crate::interrupt::Interrupt;
use crate::intervals::Intervals;
use crate::output::{self, Voice};
use crate::protocol::message::Results;
use crate::protocol::session::{ClientAction, ClientEvent, ClientFailure, ClientFinish, ClientSession};
use crate::report::{self, Outcome};
use crate::tally::Tally;
use crate::wait::{Stop, Woken, readable, wait};

/// How long the client waits for the server to close after Results. Only a clean end depends on it. Every other wait has
/// no limit, since the client's control connection has no timeout (P3, "Robust Design").
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// The length of an interval if the user asks for no live lines.
const COURSE: Duration = Duration::from_secs(1);

/// The test failed, or was left.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("cannot resolve {host:?}: {error}")]
    Resolve { host: String, error: io::Error },
    #[error("cannot connect to {host} port {port}:{tried}")]
    Connect { host: String, port: u16, tried: String },
    #[error("cannot use the connection: {0}")]
    Socket(io::Error),
    #[error("test failed: {0}")]
    Failed(#[from] ClientFailure),
    #[error("test failed: {0}")]
    Data(#[from] DataError),
    /// The protocol succeeded, and the data failed. The reason was printed when it happened.
    #[error("test failed: the data ended before the time was up")]
    Incomplete,
    /// The test is done, but its report could not be written.
    #[error("cannot write the report: {0}")]
    Untold(io::Error),
    #[error(transparent)]
    Stop(#[from] Stop),
}

/// Runs one test to its end.
pub(crate) fn run(config: &ClientConfig, interrupt: &Interrupt) -> Result<(), ClientError> {
    let addresses = resolve(&config.target, config.port, interrupt)?
        .map_err(|error| ClientError::Resolve { host: config.target.clone(), error })?;
    let (stream, server) = connect_any(&addresses, config.bind, interrupt)?
        .map_err(|tried| ClientError::Connect { host: config.target.clone(), port: config.port, tried })?;
    let local = stream.local_addr().map_err(ClientError::Socket)?;
    let connection = Connection::new(stream).map_err(ClientError::Socket)?;
    let session = ClientSession::new(config.test, CLOSE_PATIENCE);
    Test {
        config,
        interrupt,
        session,
        port: None,
        data: None,
        tally: Tally::default(),
        intervals: Intervals::new(config.interval.unwrap_or(COURSE)),
        untold: None,
        connection,
        server,
        local,
        told: Instant::now(),
    }
    .play()
}

/// One test over an open connection. A drop closes everything that it has.
struct Test<'a> {
    config: &'a ClientConfig,
    interrupt: &'a Interrupt,
    session: ClientSession,
    /// The test port, once the server has announced it.
    port: Option<NonZeroU16>,
    data: Option<DataThread>,
    /// What the data thread counted, once it has ended.
    tally: Tally,
    intervals: Intervals,
    /// Why the report could not be written.
    untold: Option<io::Error>,
    connection: Connection,
    server: SocketAddr,
    /// This host's end of the control connection.
    local: SocketAddr,
    /// Up to this moment the session knows the time.
    told: Instant,
}

impl Test<'_> {
    fn play(mut self) -> Result<(), ClientError> {
        let mut actions = self.session.handle(ClientEvent::Connected);
        loop {
            while !actions.is_empty() {
                let mut answers = Vec::new();
                for action in actions {
                    match action {
                        ClientAction::Send(bytes) => answers.extend(self.send(&bytes)?),
                        ClientAction::OpenData { port } => {
                            self.port = Some(port);
                            self.data = Some(DataThread::start(self.job(port), self.voice())?);
                            self.intervals = Intervals::new(self.config.interval.unwrap_or(COURSE));
                        }
                        ClientAction::Report { port: _, results } => {
                            self.report(Some(results), None);
                            self.told = Instant::now();
                        }
                        ClientAction::Finish(ClientFinish::Closed) => return self.verdict(),
                        ClientAction::Finish(ClientFinish::LeftOpen) => {
                            let seconds = CLOSE_PATIENCE.as_secs();
                            output::diagnose(format_args!(
                                "the server did not close the control connection within {seconds} s after Results"
                            ));
                            return self.verdict();
                        }
                        ClientAction::Fail(why) => return self.fail(why),
                    }
                }
                actions = answers;
            }
            actions = self.next_actions()?;
        }
    }

    fn job(&self, port: NonZeroU16) -> Job {
        let &ClientConfig { test, time, no_data, length, rate, copy, offload, busy_poll, .. } = self.config;
        if no_data {
            return Job::Idle(None, Some(time));
        }
        let (mut server, mut local) = (self.server, self.local);
        server.set_port(port.get());
        local.set_port(0);
        Job::Measure(Plan { test, server, local, time, length, rate, copy, offload, busy_poll })
    }

    /// Where everything but the report goes.
    fn voice(&self) -> Voice {
        if self.config.json { Voice::Err } else { Voice::Out }
    }

    /// The test so far; nothing before the server has announced a port.
    fn outcome<'a>(&'a self, results: Option<Results>, failure: Option<&'a str>) -> Option<Outcome<'a>> {
        let &ClientConfig { test, time, no_data, .. } = self.config;
        Some(Outcome {
            test,
            server: self.server,
            time,
            port: self.port?,
            udp_packets_received: results.map(|results| results.udp_packets_received),
            tally: (!no_data).then_some(&self.tally),
            intervals: self.intervals.kept(),
            failure,
        })
    }

    fn report(&mut self, results: Option<Results>, failure: Option<&str>) {
        let Some(outcome) = self.outcome(results, failure) else { return };
        let report = if self.config.json { report::json(&outcome) } else { report::text(&outcome) };
        self.untold = output::report(report).err();
    }

    /// Ends a test that failed, with what was measured until then.
    fn fail(mut self, why: ClientFailure) -> Result<(), ClientError> {
        if let Some(data) = self.data.take() {
            self.tally = data.stop()?;
        }
        let measured = !self.config.no_data && !self.tally.time.is_zero();
        if measured || self.config.json {
            self.report(None, Some(&why.to_string()));
        }
        Err(why.into())
    }

    /// Ends an interval, and prints it if the user asks for live lines.
    fn look(&mut self, now: Instant, counters: Counters) {
        let interval = self.intervals.end(now, counters);
        let wanted = self.config.interval.is_some_and(|every| every < self.config.time) && !self.config.json;
        if wanted && let Some(outcome) = self.outcome(None, None) {
            output::progress(report::live(&outcome, &interval));
        }
    }

    /// Whether a test whose protocol went through is a success.
    fn verdict(self) -> Result<(), ClientError> {
        if let Some(error) = self.untold {
            return Err(ClientError::Untold(error));
        }
        match &self.tally.broken {
            // The report has said that nothing was measured, and why.
            Some(why) if !why.is_absence() => Err(ClientError::Incomplete),
            Some(_) | None => Ok(()),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Vec<ClientAction>, Stop> {
        Ok(match self.connection.send(bytes, self.interrupt, None)? {
            Ok(()) => Vec::new(),
            Err(ending) => self.session.handle(ClientEvent::Ended(ending)),
        })
    }

    /// Waits for the next event, and returns what the session makes of it.
    fn next_actions(&mut self) -> Result<Vec<ClientAction>, ClientError> {
        let patience = self.session.patience().and_then(|patience| self.told.checked_add(patience));
        let time_up = self.data.as_ref().and_then(DataThread::deadline);
        let look = self.data.as_ref().filter(|_| !self.config.no_data).and_then(|_| self.intervals.due());
        let deadline = [patience, time_up, look].into_iter().flatten().min();
        let woken = match &self.data {
            Some(data) => wait(self.interrupt, [readable(&self.connection), data.ended()], deadline)?,
            None => match wait(self.interrupt, [readable(&self.connection)], deadline)? {
                Woken::Ready([ready]) => Woken::Ready([ready, false]),
                Woken::TimeUp => Woken::TimeUp,
            },
        };
        let event = match woken {
            Woken::TimeUp => {
                let now = Instant::now();
                let time = now.duration_since(self.told);
                if let Some(data) = &self.data
                    && look.is_some_and(|look| look <= now)
                {
                    let counters = data.progress().counters();
                    self.look(now, counters);
                }
                if let Some(data) = &mut self.data
                    && data.deadline().is_some_and(|up| up <= now)
                {
                    // It may be blocked in a call. Its end is the next event.
                    data.tell();
                }
                self.told = now;
                ClientEvent::Elapsed(time)
            }
            // The server's end comes before the test's: without a server the test has failed.
            Woken::Ready([true, _]) => match self.connection.receive() {
                Received::Nothing => return Ok(Vec::new()),
                Received::Bytes(bytes) => ClientEvent::Bytes(bytes),
                Received::Ended(ending) => ClientEvent::Ended(ending),
            },
            Woken::Ready([false, _]) => {
                if let Some(data) = self.data.take() {
                    let counters = data.progress().counters();
                    self.tally = data.stop()?;
                    let now = Instant::now();
                    // The rest counts as an interval unless it is too short to compare with the others.
                    if !self.config.no_data && self.intervals.is_worth_ending(now) {
                        self.look(now, counters);
                    }
                }
                ClientEvent::DataEnded
            }
        };
        Ok(self.session.handle(event))
    }
}
