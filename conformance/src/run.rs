//! The only loop of a run: cases into slots, each in a worker process, its messages into events. It
//! knows neither sockets nor verdicts.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thiserror::Error;

use crate::event::{Event, Listener};
use crate::fixture::Case;
use crate::interrupt;
use crate::isolate::{self, Isolation};
use crate::outcome::{CaseRecord, Outcome};
use crate::plan::Plan;
use crate::slots::Tokens;
use crate::tolerance::Tolerances;
use crate::worker::{Message, Order};

/// How many workers there are at once at most, the waiting ones included: with a target that never
/// listens every case waits, and each target may be a big virtual machine.
const MOST_WORKERS: usize = 64;

/// The program to grade.
#[derive(Clone, Debug)]
pub struct TargetProgram {
    /// Its file.
    pub program: PathBuf,
    /// The name that it is started under, where that is not its path.
    pub arg0: Option<String>,
    /// Arguments before each case's own.
    pub leading_args: Vec<String>,
    /// Folders beside the working directory that it may write into (into memory, never onto the disk).
    pub writable: Vec<PathBuf>,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to measure against.
    pub tolerances: Tolerances,
    /// Where the cases run.
    pub isolation: Isolation,
    /// How many cases work at once.
    pub jobs: usize,
    /// For whatever is random.
    pub seed: u64,
    /// Stop at the first case that fails.
    pub fail_fast: bool,
    /// Tell everything that happens in a case at once.
    pub live: bool,
    /// Where the target is started.
    pub cwd: PathBuf,
}

/// Why a run cannot go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// A worker said so: the target cannot be started, the port is taken.
    #[error("{0}")]
    Impossible(String),
}

/// Runs every case of the plan and gives every record, in the order of the cases' ids.
pub fn run(
    plan: &Plan,
    target: &TargetProgram,
    options: &Options,
    listeners: &mut [&mut dyn Listener],
) -> Result<Vec<CaseRecord>, RunError> {
    tell(listeners, &Event::Planned(plan));
    let shared = Shared::new(plan, target, options);
    let order: Vec<usize> = (0..plan.cases.len()).collect();
    let mut records = shared.round(&order, false, listeners)?;

    let again: Vec<usize> = (order.into_iter())
        .filter(|index| records.get(*index).and_then(Option::as_ref).is_some_and(is_inconclusive))
        .collect();
    for index in &again {
        tell(listeners, &Event::Again { id: &plan.cases[*index].id });
    }
    for (slot, retried) in records.iter_mut().zip(shared.round(&again, true, listeners)?) {
        *slot = retried.or_else(|| slot.take());
    }

    let reason = if interrupt::came() { "the run was interrupted" } else { "not run: --fail-fast" };
    let mut records: Vec<CaseRecord> = (records.into_iter().zip(&plan.cases))
        .map(|(record, case)| {
            record.unwrap_or_else(|| CaseRecord::unplayed(case, Outcome::Skip, reason.to_owned()))
        })
        .chain(plan.dropped.iter().map(CaseRecord::from))
        .collect();
    records.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(records)
}

fn is_inconclusive(record: &CaseRecord) -> bool {
    record.outcome == Outcome::Inconclusive
}

fn tell(listeners: &mut [&mut dyn Listener], event: &Event<'_>) {
    for listener in listeners {
        listener.on(event);
    }
}

/// What the threads of a run tell the one that talks to the listeners.
enum Told {
    Started(usize),
    Said(usize, Message),
    Interrupted,
}

struct Shared<'a> {
    plan: &'a Plan,
    target: &'a TargetProgram,
    options: &'a Options,
    jobs: usize,
    stopped: AtomicBool,
    workers: Mutex<Vec<Pid>>,
}

impl<'a> Shared<'a> {
    fn new(plan: &'a Plan, target: &'a TargetProgram, options: &'a Options) -> Self {
        // The host has one port 5678, so there is one case at a time.
        let jobs = if options.isolation == Isolation::Host { 1 } else { options.jobs.max(1) };
        Self { plan, target, options, jobs, stopped: AtomicBool::new(false), workers: Mutex::new(Vec::new()) }
    }

    /// Runs the cases of these indices, `alone` one after the other; a slot stays empty if it was not reached.
    fn round(
        &self,
        order: &[usize],
        alone: bool,
        listeners: &mut [&mut dyn Listener],
    ) -> Result<Vec<Option<CaseRecord>>, RunError> {
        let mut records: Vec<Option<CaseRecord>> = vec![None; self.plan.cases.len()];
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(records);
        }
        let (teller, told) = mpsc::channel();
        let tokens = Tokens::new(self.jobs);
        let places = Tokens::new(if self.options.isolation == Isolation::Host { 1 } else { MOST_WORKERS });
        let waker = teller.clone();
        interrupt::on_interrupt(Some(Box::new(move || {
            // A run that is over listens no more, and needs no waking.
            let _ = waker.send(Told::Interrupted);
        })));
        let impossible = thread::scope(|scope| {
            let (tokens, places) = (&tokens, &places);
            scope.spawn(move || {
                for &index in order {
                    let weight = if alone || self.plan.cases[index].exclusive { self.jobs } else { 1 };
                    if !(places.take(1) && tokens.take(weight)) {
                        break;
                    }
                    let teller = teller.clone();
                    scope.spawn(move || {
                        self.case(index, weight, alone, tokens, &teller);
                        places.give_back(1);
                    });
                }
            });
            let impossible = self.listen(&told, &mut records, listeners, order.len());
            tokens.stop();
            places.stop();
            self.kill_workers();
            impossible
        });
        interrupt::on_interrupt(None);
        impossible.map_or(Ok(records), |reason| Err(RunError::Impossible(reason)))
    }

    /// Passes on what the threads tell until every case is done, or the run is over for another reason.
    fn listen(
        &self,
        told: &Receiver<Told>,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
        mut remaining: usize,
    ) -> Option<String> {
        while remaining > 0 {
            let id = |index: usize| self.plan.cases[index].id.as_str();
            match told.recv().ok()? {
                Told::Started(index) => tell(listeners, &Event::Started { id: id(index) }),
                Told::Said(index, Message::Waiting { what, at_most }) => {
                    tell(listeners, &Event::Waiting { id: id(index), what: &what, at_most });
                }
                Told::Said(index, Message::Happened(entry)) => {
                    tell(listeners, &Event::Happened { id: id(index), entry: &entry });
                }
                Told::Said(index, Message::Resumed) => tell(listeners, &Event::Resumed { id: id(index) }),
                Told::Said(index, Message::Finished(record)) => {
                    remaining -= 1;
                    tell(listeners, &Event::Finished(&record));
                    let failed = record.outcome == Outcome::Fail;
                    records[index] = Some(*record);
                    if failed && self.options.fail_fast {
                        self.stopped.store(true, Ordering::SeqCst);
                        return None;
                    }
                }
                Told::Said(_, Message::Impossible(reason)) => return Some(reason),
                Told::Interrupted => {
                    self.stopped.store(true, Ordering::SeqCst);
                    return None;
                }
            }
        }
        None
    }

    /// Workers that are still there when nobody waits for them any longer, and all that they started.
    fn kill_workers(&self) {
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Already gone is as good as killed.
            let _ = kill(*worker, Signal::SIGKILL);
        }
    }

    /// One case, from its start to its last message. The worker dies with this thread.
    fn case(&self, index: usize, weight: usize, alone: bool, tokens: &Tokens, teller: &Sender<Told>) {
        let case = &self.plan.cases[index];
        // A measuring case keeps its tokens: what it waits for is the processor's work.
        let keeps = alone || case.exclusive;
        let mut held = weight;
        let say = |told| {
            // The listener may have left early; the worker is being killed then.
            let _ = teller.send(told);
        };
        say(Told::Started(index));
        let last = self.converse(case, |message| {
            if matches!(message, Message::Waiting { .. }) && !keeps {
                tokens.give_back(std::mem::take(&mut held));
            }
            say(Told::Said(index, message));
        });
        tokens.give_back(held);
        say(Told::Said(index, last));
    }

    /// Starts the worker, gives it its order and hands on what it says; the last message is returned.
    fn converse(&self, case: &Case, mut said: impl FnMut(Message)) -> Message {
        let broken =
            |reason: String| Message::Finished(Box::new(CaseRecord::unplayed(case, Outcome::Error, reason)));
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(reason) => return broken(reason),
        };
        let pid = Pid::from_raw(child.id().cast_signed());
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
        let order = serde_json::to_string(&self.order(case)).unwrap_or_default();
        if let Some(mut stdin) = child.stdin.take() {
            // A worker that is gone before it has read says why on its standard error.
            let _ = stdin.write_all(order.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        }
        let mut last = None;
        let mut noise = String::new();
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(message @ (Message::Finished(_) | Message::Impossible(_))) => last = Some(message),
                Ok(message) => said(message),
                Err(_) => noise.push_str(&line),
            }
        }
        if let Some(mut stderr) = child.stderr.take() {
            // Only ever shown; what cannot be read is not worth another error.
            let _ = stderr.read_to_string(&mut noise);
        }
        let status = child.wait();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).retain(|worker| *worker != pid);
        last.unwrap_or_else(|| {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            broken(format!("the worker ended without a verdict ({status}): {}", noise.trim()))
        })
    }

    fn spawn(&self) -> Result<Child, String> {
        let mut command =
            isolate::worker_command(self.options.isolation).map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|error| format!("cannot start a worker: {error}"))
    }

    fn order(&self, case: &Case) -> Order {
        Order {
            case: case.clone(),
            tolerances: self.options.tolerances.clone(),
            program: self.target.program.clone(),
            arg0: self.target.arg0.clone(),
            leading_args: self.target.leading_args.clone(),
            writable: self.target.writable.clone(),
            cwd: self.options.cwd.clone(),
            isolation: self.options.isolation,
            seed: self.options.seed,
            live: self.options.live,
        }
    }
}

/// How long a run lasts at least, side by side or one by one.
pub fn least_duration(plan: &Plan, isolation: Isolation) -> Duration {
    match isolation {
        Isolation::Namespace => plan.longest_wait(),
        Isolation::Host => plan.total_wait(),
    }
}
