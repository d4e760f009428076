//! Plays the steps of a case over real sockets, in the role opposite to the target's. It records every event with its
//! time. After every event it asks the judge whether the step holds, and it stops at the first step that does not.
//! One thread polls everything. Nothing here judges.

mod act;
mod data;
mod data_port;
mod following;
mod idleness;
mod load;
mod observe;
mod socket;
mod stalls;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use socket2::Socket;
use thiserror::Error;

use self::observe::left_behind;
use crate::judge::{Assessment, Judge};
use crate::model::case::Case;
use crate::model::data::DataAction;
use crate::model::fault::Fault;
use crate::model::lateness::Lateness;
use crate::model::place::Isolation;
use crate::model::step::{Action, Step};
use crate::model::tolerance::{START_IS_IDLE, Tolerances, WAIT_IS_IDLE, WAIT_IS_REST};
use crate::model::transcript::{Entry, Event, Transcript};
use crate::stage::target::{Launch, StartError};
use data::{Outbound, OwnPort};
pub use following::Running;
use idleness::Idleness;
pub use load::Load;
use load::Reading;
use socket::Connection;
use stalls::Stalls;

/// TCP port of the control connection (P3, Communication Protocol).
pub const CONTROL_PORT: u16 = 5678;

/// How often readiness and resources are checked: no descriptor announces them.
const CHECK_EVERY: Duration = Duration::from_millis(5);

/// How often a settling segment is checked: the target reads it within microseconds.
const CHECK_SETTLING_EVERY: Duration = Duration::from_millis(1);

/// The most extra time for a target on a busy machine, as a multiple of the patience.
const MAX_EXTRA_PATIENCE: u32 = 2;

/// Why a conversation could not be played. Never the target's fault.
#[derive(Debug, Error)]
pub enum PlayError {
    /// The target's program cannot be started at all.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Another program has the control port (possible on the host only).
    #[error("port 5678 is taken on this host: stop what listens there, or use --isolation namespace")]
    PortTaken,
    /// A system call of the runner's own failed.
    #[error("{what}: {source}")]
    System {
        /// The call that failed.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

impl PlayError {
    fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { what, source: source.into() }
    }
}

/// The result of a conversation: the transcript, and how much the machine delayed it.
#[derive(Debug)]
pub struct Played {
    /// Everything that happened.
    pub transcript: Transcript,
    /// How long the runner itself was delayed, over the whole conversation.
    pub runner_delay: Duration,
    /// How long it was delayed during the last step.
    pub step_runner_delay: Duration,
    /// What was due did not come at all, not even in the extra time for the runner's own delay.
    pub waited_out: bool,
    /// Who used the processors, over the whole conversation.
    pub whole: Load,
    /// Who used them during the last step.
    pub last_step: Load,
    /// Processes that the target left behind, by command name.
    pub leftovers: Vec<String>,
    /// What the target printed after the verdict, and how it ended, if it ended at once. It is evidence for the cause, and
    /// is not judged.
    pub last_words: Vec<Entry>,
    /// The target, if it still runs and was to be kept.
    pub kept: Option<Running>,
}

/// The process that plays a case.
#[derive(Debug, Default)]
pub enum Process {
    /// Started for this case, and ended with it.
    #[default]
    Own,
    /// Started for this case. A later one may follow on it.
    Kept,
    /// One that has played another case.
    Of {
        /// It.
        running: Box<Running>,
        /// A later one may follow again.
        keeps: bool,
    },
}

/// What a player reports while it plays.
#[derive(Debug)]
pub enum Update<'t> {
    /// A long wait begins: what it waits for, and the longest time.
    Waiting(String, Duration),
    /// The wait is over.
    Resumed,
    /// An event. Every entry of the transcript is reported, in its order.
    Happened(&'t Entry),
}

/// Plays `case` against a start of `launch`: a fresh one, or that of an earlier case.
pub fn play(
    case: &Case,
    tolerances: &Tolerances,
    (launch, process): (&Launch, Process),
    seed: u64,
    on_update: &mut dyn FnMut(Update<'_>),
) -> Result<Played, PlayError> {
    let mut player = Player::new(case, tolerances, launch, seed, on_update)?;
    (player.keeps, player.earlier) = match process {
        Process::Own => (false, None),
        Process::Kept => (true, None),
        Process::Of { running, keeps } => (keeps, Some(*running)),
    };
    player.play()
}

struct Player<'a> {
    case: &'a Case,
    judge: Judge<'a>,
    launch: &'a Launch,
    random: fastrand::Rng,
    on_update: &'a mut dyn FnMut(Update<'_>),
    /// How many entries of the transcript have been reported.
    reported: usize,
    clock: Instant,
    transcript: Transcript,
    stalls: Stalls,
    target: Option<Running>,
    /// The target of an earlier case, until this case starts it.
    earlier: Option<Running>,
    /// The target is not ended with the case.
    keeps: bool,
    listener: Option<Socket>,
    data_port: Option<OwnPort>,
    outbound: Outbound,
    patience: Duration,
    idleness: Idleness,
    accepted: usize,
    connections: BTreeMap<String, Connection>,
    /// Processor use at the start.
    began: Reading,
    waited_out: bool,
    /// Processor use when the last step began.
    step_began: Reading,
    /// How long the runner had been delayed when the step began.
    delayed_before_step: Duration,
}

impl<'a> Player<'a> {
    fn new(
        case: &'a Case,
        tolerances: &'a Tolerances,
        launch: &'a Launch,
        seed: u64,
        on_update: &'a mut dyn FnMut(Update<'_>),
    ) -> Result<Self, PlayError> {
        let (listener, data_port) = match case.listen {
            true => (
                Some(socket::listen(CONTROL_PORT).map_err(port_error)?),
                Some(OwnPort::open(case.data).map_err(PlayError::system("open a data port"))?),
            ),
            false => {
                // On a host a short bind finds another program on the port, so that the target is not blamed for it.
                if launch.isolation == Isolation::Host {
                    drop(socket::listen(CONTROL_PORT).map_err(port_error)?);
                }
                (None, None)
            }
        };
        let now = Reading::now(None);
        Ok(Self {
            case,
            judge: Judge::new(case, tolerances),
            launch,
            random: fastrand::Rng::with_seed(seed),
            on_update,
            reported: 0,
            clock: Instant::now(),
            transcript: Transcript::default(),
            stalls: Stalls::watch(),
            target: None,
            earlier: None,
            keeps: false,
            listener,
            data_port,
            outbound: Outbound::default(),
            patience: tolerances.patience,
            idleness: Idleness::new(Duration::ZERO),
            accepted: 0,
            connections: BTreeMap::new(),
            began: now,
            waited_out: false,
            step_began: now,
            delayed_before_step: Duration::ZERO,
        })
    }

    fn play(mut self) -> Result<Played, PlayError> {
        let case = self.case;
        let mut failed = false;
        for (index, step) in case.steps.iter().enumerate() {
            let began = self.clock.elapsed();
            // A look at all processes costs more than most steps.
            if !self.step_began.is_fresh() {
                self.step_began = self.reading();
            }
            self.delayed_before_step = self.stalls.total();
            self.transcript.push(began, Event::Step { index });
            self.act(step)?;
            failed = !self.wait(index, step, began)?;
            if failed {
                break;
            }
        }
        let now = self.clock.elapsed();
        self.transcript.push(now, Event::Finished);
        self.report_new_entries();
        let runner_delay = self.stalls.total();
        let (whole, last_step) = match failed {
            true => {
                let now = self.reading();
                (now.since(&self.began), now.since(&self.step_began))
            }
            // Nothing has to be excused.
            false => (Load::default(), Load::default()),
        };
        let last_words = if failed { self.last_words()? } else { Vec::new() };
        self.connections.clear();
        let kept = self.target.take_if(|running| self.keeps && !failed && !running.exited);
        let kept = kept.map(|running| running.after(&self.transcript));
        let leftovers = self.target.take().map(left_behind).unwrap_or_default();
        let waited_out = self.waited_out;
        Ok(Played {
            transcript: self.transcript,
            runner_delay,
            step_runner_delay: runner_delay.saturating_sub(self.delayed_before_step),
            waited_out,
            whole,
            last_step,
            leftovers,
            last_words,
            kept,
        })
    }

    /// How long the current step has lasted.
    fn in_step(&self) -> Duration {
        let start = self.transcript.entries.iter().rfind(|entry| matches!(entry.event, Event::Step { .. }));
        self.clock.elapsed().saturating_sub(start.map_or(Duration::ZERO, |entry| entry.at))
    }

    fn reading(&self) -> Reading {
        Reading::now(self.target.as_ref().and_then(|running| running.target.activity()))
    }

    /// Waits until the step is decided. Returns whether it holds.
    fn wait(&mut self, index: usize, step: &Step, began: Duration) -> Result<bool, PlayError> {
        let (mut announced, mut yielded) = (false, false);
        let holds = loop {
            let now = self.clock.elapsed();
            self.report_new_entries();
            match self.judge.assess(index, &self.transcript, began, now) {
                Assessment::Held(memory) => {
                    self.judge.remember(memory);
                    break true;
                }
                Assessment::Broken(fault) => match self.more_time(index, &fault, began, now) {
                    Some(until) => self.pump(step, until)?,
                    None => break false,
                },
                Assessment::Pending(deadline) => {
                    let idle_from = began + idle_after(step);
                    if !announced && now >= idle_from {
                        announced = true;
                        let awaits = step.action.facts().awaits.to_owned();
                        (self.on_update)(Update::Waiting(awaits, deadline.saturating_sub(now)));
                    }
                    let mut until = if announced { deadline } else { deadline.min(idle_from) };
                    if self.launch.yields && !yielded {
                        let yields_from = began + WAIT_IS_REST;
                        yielded = now >= yields_from;
                        if yielded {
                            self.yield_if_it_works();
                        }
                        until = if yielded { until } else { until.min(yields_from) };
                    }
                    self.pump(step, until)?;
                }
            }
        };
        if announced {
            (self.on_update)(Update::Resumed);
        }
        if holds {
            self.conclude(step);
        }
        self.report_new_entries();
        Ok(holds)
    }

    /// A target that still works, although it has nothing to do, keeps no processor from others.
    fn yield_if_it_works(&self) {
        let Some(running) = &self.target else { return };
        if running.target.activity().is_some_and(|activity| activity.runnable) {
            running.target.yield_to_others();
        }
    }

    /// The new deadline for a step that has missed its own, if there is one. The target gets as much extra time as the
    /// runner was delayed and as it waited itself for a processor, up to a limit. What comes in that time is in time.
    fn more_time(&mut self, index: usize, fault: &Fault, began: Duration, now: Duration) -> Option<Duration> {
        if fault.lateness() != Lateness::TargetLate {
            return None;
        }
        let reading = self.reading();
        let (whole, step) = (reading.since(&self.began), reading.since(&self.step_began));
        let delayed = step.target_delay.unwrap_or_default().min(now.saturating_sub(began));
        // A delay that the target made itself gives it no extra time.
        let lost = whole.by_others(self.stalls.total()) + step.by_others(delayed);
        let most = self.patience * MAX_EXTRA_PATIENCE;
        let earlier = now.saturating_sub(lost.min(most)).max(began);
        match self.judge.assess(index, &self.transcript, began, earlier) {
            Assessment::Pending(deadline) => Some(now + deadline.saturating_sub(earlier)),
            Assessment::Held(_) => None,
            Assessment::Broken(_) => {
                // What came late is wrong at every time. What is missing is not yet wrong when the step begins.
                let missing = !matches!(
                    self.judge.assess(index, &self.transcript, began, began),
                    Assessment::Broken(_)
                );
                self.waited_out = missing && lost <= most;
                None
            }
        }
    }

    /// Reports the entries since the last report.
    fn report_new_entries(&mut self) {
        for entry in &self.transcript.entries[self.reported..] {
            (self.on_update)(Update::Happened(entry));
        }
        self.reported = self.transcript.entries.len();
    }

    /// Waits for an event, until `until` at the latest, and records it.
    fn pump(&mut self, step: &Step, until: Duration) -> Result<(), PlayError> {
        let check_every = match step.action {
            // The longer the wait, the less often it has to be checked.
            Action::Start => Some(CHECK_EVERY.max(self.in_step() / 4)),
            Action::Signal(_) => Some(CHECK_EVERY * 2),
            Action::Resources(_) | Action::DataThreadEnded { .. } => Some(CHECK_EVERY * 10),
            Action::Data(_) => Some(CHECK_EVERY),
            Action::Exits { .. } if self.must_not_listen() => Some(CHECK_EVERY.max(self.in_step() / 4)),
            _ if self.connections.values().any(Connection::is_settling) => Some(CHECK_SETTLING_EVERY),
            _ => None,
        };
        let remaining = until.saturating_sub(self.clock.elapsed());
        self.poll(check_every.map_or(remaining, |interval| interval.min(remaining)))?;

        let Self { connections, clock, transcript, .. } = self;
        for connection in connections.values_mut() {
            advance(connection, clock, transcript);
        }
        self.accept()?;
        self.observe_request();
        self.observe_target();
        match step.action {
            Action::Start => self.observe_readiness(),
            Action::Exits { .. } if self.must_not_listen() => self.observe_listener(),
            Action::Resources(_) | Action::DataThreadEnded { .. } => self.count_resources(),
            Action::Serve(_) => self.serve(),
            Action::Data(DataAction::PortFree { over, .. }) => self.look_at_port(over),
            Action::Data(_) => self.observe_data()?,
            Action::Expect { ref pattern, .. } if pattern.counts() => self.count_drops(),
            Action::Signal(signal) => self.signal(signal),
            _ => {}
        }
        Ok(())
    }
}

fn port_error(error: io::Error) -> PlayError {
    match error.kind() {
        io::ErrorKind::AddrInUse => PlayError::PortTaken,
        _ => PlayError::system("listen on port 5678")(error),
    }
}

/// Lets a connection do what it can without waiting. Each event has the time before the system call that made it.
fn advance(connection: &mut Connection, clock: &Instant, transcript: &mut Transcript) {
    let mut stamp = clock.elapsed();
    connection.advance(|event| {
        transcript.push(stamp, event);
        stamp = clock.elapsed();
    });
}

/// How long a step may wait before it gives its processor token back.
fn idle_after(step: &Step) -> Duration {
    match step.action {
        Action::Start | Action::Accept { .. } => START_IS_IDLE,
        _ => WAIT_IS_IDLE,
    }
}
