//! The only loop of a run: cases into slots, each in a worker process, its messages into events. It
//! knows neither sockets nor verdicts.

mod capacity;
mod company;
mod process;
mod slots;
pub mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thiserror::Error;

use crate::model::event::{Event, Listener};
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::Isolation;
use crate::model::plan::Plan;
use crate::model::tolerance::{QUICK_LIMIT, Tolerances};
use crate::run::company::{Company, Confirmed, Crowd};
use crate::run::slots::Tokens;
use crate::run::worker::Message;
use crate::stage::interrupt;

/// How many workers there are at once at most, the waiting ones included: with a target that never
/// listens every case waits. Fewer where a target takes much memory.
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
    /// A worker said so (the target cannot be started, the port is taken), or this machine has no room.
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
    let processes = capacity::processes();
    if let Some(left) = processes.filter(|left| *left < capacity::LEAST_PROCESSES) {
        return Err(RunError::Impossible(format!(
            "this machine lets this user start only {left} more processes and threads (see `ulimit -u`, and the \
             limit of the container), and a grading needs {}",
            capacity::LEAST_PROCESSES
        )));
    }
    tell(listeners, &Event::Planned(plan));
    let shared = Shared::new(plan, target, options, processes);
    let order: Vec<usize> = (0..plan.cases.len()).collect();
    let mut records = shared.round(&order, Beside::Others, listeners)?;
    shared.settle(&mut records, listeners)?;

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

fn tell(listeners: &mut [&mut dyn Listener], event: &Event<'_>) {
    for listener in listeners {
        listener.on(event);
    }
}

/// Who else runs while a case does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// As many as the machine takes.
    Others,
    /// Nobody, but those who wait as long as a silence timeout: they do nothing meanwhile.
    Sleepers,
    /// Nobody.
    Nobody,
}

/// What the threads of a run tell the one that talks to the listeners.
enum Update {
    Started(usize),
    FromWorker(usize, Message),
    Interrupted,
}

struct Shared<'a> {
    plan: &'a Plan,
    target: &'a TargetProgram,
    options: &'a Options,
    jobs: usize,
    stopped: AtomicBool,
    workers: Mutex<Vec<Pid>>,
    company: Mutex<Company>,
    crowd: Mutex<Crowd>,
    /// A target that is alone may lack processes, for want of this machine.
    scarce: bool,
    /// How many targets have never listened or connected: their work is no start.
    never_started: AtomicUsize,
}

impl<'a> Shared<'a> {
    fn new(plan: &'a Plan, target: &'a TargetProgram, options: &'a Options, processes: Option<u64>) -> Self {
        // The host has one port 5678, so there is one case at a time.
        let jobs = if options.isolation == Isolation::Host { 1 } else { options.jobs.max(1) };
        let most = if options.isolation == Isolation::Host { 1 } else { MOST_WORKERS };
        let most = capacity::places(processes, capacity::descriptors(), most);
        Self {
            plan,
            target,
            options,
            jobs,
            stopped: AtomicBool::new(false),
            workers: Mutex::new(Vec::new()),
            company: Mutex::new(Company::default()),
            crowd: Mutex::new(Crowd::new(jobs, most, company::available_memory())),
            scarce: processes.is_some_and(|left| left < capacity::AMPLE_PROCESSES),
            never_started: AtomicUsize::new(0),
        }
    }

    /// Plays once more, alone, whatever may be the work of the other cases; see `company`.
    fn settle(
        &self,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
    ) -> Result<(), RunError> {
        let doubted = |index: &usize| {
            let had = locked(&self.company).had(*index);
            records[*index].as_ref().is_some_and(|record| company::in_doubt(record, had))
        };
        let doubted: Vec<usize> = (0..records.len()).filter(doubted).collect();
        // The long waits lie side by side, and are all played: nothing is saved by leaving one out.
        let (long, short): (Vec<usize>, Vec<usize>) =
            doubted.into_iter().partition(|index| self.plan.cases[*index].least_wait() > QUICK_LIMIT);
        self.again(&long, Beside::Sleepers, records, listeners)?;
        let mut confirmed = Confirmed::default();
        for index in short {
            let Some(before) = records[index].clone() else { continue };
            if let Some(failure) = confirmed.failure(&before) {
                tell(listeners, &Event::Again { id: &before.id });
                tell(listeners, &Event::Finished(&failure));
                records[index] = Some(failure);
                continue;
            }
            self.again(&[index], Beside::Nobody, records, listeners)?;
            if let Some(alone) = &records[index] {
                confirmed.learn(&before, alone);
            }
        }
        Ok(())
    }

    /// What comes out now takes the place of what came out before, where something does.
    fn again(
        &self,
        indices: &[usize],
        beside: Beside,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
    ) -> Result<(), RunError> {
        if self.stopped.load(Ordering::SeqCst) || indices.is_empty() {
            return Ok(());
        }
        for index in indices {
            tell(listeners, &Event::Again { id: &self.plan.cases[*index].id });
        }
        let again = self.round(indices, beside, listeners)?;
        for (slot, record) in records.iter_mut().zip(again) {
            *slot = record.or_else(|| slot.take());
        }
        Ok(())
    }

    /// Runs the cases of these indices; a slot stays empty if it was not reached.
    fn round(
        &self,
        order: &[usize],
        beside: Beside,
        listeners: &mut [&mut dyn Listener],
    ) -> Result<Vec<Option<CaseRecord>>, RunError> {
        let mut records: Vec<Option<CaseRecord>> = vec![None; self.plan.cases.len()];
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(records);
        }
        let (sender, updates) = mpsc::channel();
        let tokens = Tokens::new(self.jobs);
        let places = Tokens::new(locked(&self.crowd).limit());
        let waker = sender.clone();
        interrupt::on_interrupt(Some(Box::new(move || {
            // A run that is over listens no more, and needs no waking.
            let _ = waker.send(Update::Interrupted);
        })));
        let impossible = thread::scope(|scope| {
            let (tokens, places) = (&tokens, &places);
            let starting = thread::Builder::new().spawn_scoped(scope, move || {
                for &index in order {
                    let alone = beside != Beside::Others;
                    let weight = if alone || self.plan.cases[index].exclusive { self.jobs } else { 1 };
                    if !(places.take(1) && tokens.take(weight)) {
                        break;
                    }
                    let to = sender.clone();
                    let started = thread::Builder::new().spawn_scoped(scope, move || {
                        self.case(index, weight, beside, (tokens, places), &to);
                        places.give_back(1);
                    });
                    if let Err(error) = started {
                        let _ = sender.send(Update::FromWorker(index, self.not_started(index, &error)));
                        tokens.give_back(weight);
                        places.give_back(1);
                    }
                }
            });
            let impossible = match starting {
                Ok(_) => self.listen(&updates, beside, &mut records, listeners, order.len()),
                Err(error) => Some(format!("cannot start a thread: {error}")),
            };
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
        updates: &Receiver<Update>,
        beside: Beside,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
        mut remaining: usize,
    ) -> Option<String> {
        while remaining > 0 {
            let id = |index: usize| self.plan.cases[index].id.as_str();
            match updates.recv().ok()? {
                Update::Started(index) => tell(listeners, &Event::Started { id: id(index) }),
                Update::FromWorker(index, Message::Waiting { what, at_most, .. }) => {
                    tell(listeners, &Event::Waiting { id: id(index), what: &what, at_most });
                }
                Update::FromWorker(index, Message::Happened(entry)) => {
                    tell(listeners, &Event::Happened { id: id(index), entry: &entry });
                }
                Update::FromWorker(index, Message::Resumed) => {
                    tell(listeners, &Event::Resumed { id: id(index) })
                }
                Update::FromWorker(index, Message::Finished(record)) => {
                    remaining -= 1;
                    let record = *record;
                    let had = locked(&self.company).had(index);
                    let doubted = beside == Beside::Others && company::in_doubt(&record, had);
                    match doubted && record.outcome == Outcome::Fail {
                        true => tell(listeners, &Event::Finished(&unsettled(&record))),
                        false => tell(listeners, &Event::Finished(&record)),
                    }
                    let failed = record.outcome == Outcome::Fail && !doubted;
                    records[index] = Some(record);
                    if failed && self.options.fail_fast {
                        self.stopped.store(true, Ordering::SeqCst);
                        return None;
                    }
                }
                // A target that could be started before can be started: it has broken this one worker.
                Update::FromWorker(index, Message::Impossible(reason))
                    if records.iter().any(Option::is_some) =>
                {
                    remaining -= 1;
                    let record = CaseRecord::unplayed(&self.plan.cases[index], Outcome::Error, reason);
                    tell(listeners, &Event::Finished(&record));
                    records[index] = Some(record);
                }
                Update::FromWorker(_, Message::Impossible(reason)) => return Some(reason),
                Update::Interrupted => {
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
    fn case(
        &self,
        index: usize,
        weight: usize,
        beside: Beside,
        (tokens, places): (&Tokens, &Tokens),
        sender: &Sender<Update>,
    ) {
        let case = &self.plan.cases[index];
        let mut held = weight;
        let say = |update| {
            // The listener may have left early; the worker is being killed then.
            let _ = sender.send(update);
        };
        locked(&self.company).enter(index);
        say(Update::Started(index));
        let refused_before = capacity::refusals();
        let mut last = self.converse(case, |message| {
            if let Message::Waiting { at_most, memory_bytes, starting, .. } = &message {
                self.learn(*memory_bytes, places);
                let keeps = match beside {
                    // A measuring case keeps its tokens: what it waits for is the processor's work. So does one whose
                    // target is at work on its start, but for one that works and never comes to an end.
                    Beside::Others => {
                        let hopeless = self.never_started.load(Ordering::Relaxed) >= company::CONFIRMATIONS;
                        case.exclusive || *starting && !hopeless
                    }
                    Beside::Sleepers => *at_most <= self.options.tolerances.startup,
                    Beside::Nobody => true,
                };
                if !keeps {
                    tokens.give_back(std::mem::take(&mut held));
                }
            }
            say(Update::FromWorker(index, message));
        });
        if let Message::Finished(record) = &mut last {
            let accompanied = beside == Beside::Others && locked(&self.company).had(index);
            if (accompanied || self.scarce) && capacity::refusals() > refused_before {
                excuse(record);
            }
            self.learn(0, places);
            let fault = record.finding.as_ref().map(|finding| &finding.fault);
            if matches!(fault, Some(Fault::NotListening { .. } | Fault::NotAccepted { .. })) {
                self.never_started.fetch_add(1, Ordering::Relaxed);
            }
        }
        locked(&self.company).leave(index);
        tokens.give_back(held);
        say(Update::FromWorker(index, last));
    }

    /// A target takes so much memory: there may be so many of them at once.
    fn learn(&self, memory_bytes: u64, places: &Tokens) {
        let mut crowd = locked(&self.crowd);
        let before = crowd.limit();
        crowd.learn(memory_bytes);
        places.change(before, crowd.limit());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a failure is reported before it has been seen alone.
fn unsettled(record: &CaseRecord) -> CaseRecord {
    let message = record.message.as_deref().unwrap_or_default();
    CaseRecord {
        outcome: Outcome::Inconclusive,
        charged: Vec::new(),
        message: Some(format!("{message}; but other cases ran beside this one")),
        ..record.clone()
    }
}

/// What failed while this machine refused to start processes may have failed for want of them.
fn excuse(record: &mut CaseRecord) {
    if record.outcome == Outcome::Fail {
        let message = record.message.take().unwrap_or_default();
        record.outcome = Outcome::Inconclusive;
        record.charged = Vec::new();
        record.message = Some(format!("{message}; but this machine refused to start processes meanwhile"));
    }
}

/// How long a run lasts at least, side by side or one by one.
pub fn least_duration(plan: &Plan, isolation: Isolation) -> Duration {
    match isolation {
        Isolation::Namespace => plan.longest_wait(),
        Isolation::Host => plan.total_wait(),
    }
}
