//! The only loop of a run. It runs each case in a worker process and turns the worker's messages into events. It knows
//! neither sockets nor verdicts.

mod capacity;
mod machine;
mod overlap;
mod process;
mod seats;
mod sharing;
mod slots;
pub mod worker;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thiserror::Error;

use crate::model::case::Case;
use crate::model::event::{Event, Listener};
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::Isolation;
use crate::model::plan::Plan;
use crate::model::tolerance::Tolerances;
pub use crate::run::machine::{Machine, Turn};
use crate::run::overlap::{CONFIRMATIONS, Confirmed};
use crate::run::sharing::Sharing;
use crate::run::slots::Cancel;
use crate::run::worker::{Message, Start};
use crate::stage::interrupt;

/// How many cases of one submission are seen again at once when a class is quiet.
const SEEN_AT_ONCE: usize = 16;

/// The program to grade.
#[derive(Clone, Debug)]
pub struct TargetProgram {
    /// Its file.
    pub program: PathBuf,
    /// Its `argv[0]`, if that is not its path.
    pub arg0: Option<String>,
    /// Arguments before each case's own.
    pub leading_args: Vec<String>,
    /// Further folders that it may write to, beside the working directory (to memory, never to the disk).
    pub writable: Vec<PathBuf>,
    /// Its search path, if that is not the caller's.
    pub search_path: Option<OsString>,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The times of the judgement.
    pub tolerances: Tolerances,
    /// Where the cases run.
    pub isolation: Isolation,
    /// How many cases work at once.
    pub jobs: usize,
    /// The seed of all random bytes.
    pub seed: u64,
    /// Stop at the first case that fails.
    pub fail_fast: bool,
    /// Report every event of a case at once.
    pub live: bool,
    /// Where the target is started.
    pub cwd: PathBuf,
}

/// Why a run cannot go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// A worker cannot run (the target cannot be started, the port is taken), or the machine allows too few processes.
    #[error("{0}")]
    Impossible(String),
}

/// Runs every case of the plan, except those whose records are `known`. Returns all records, in the order of the cases'
/// ids.
pub fn run(
    plan: &Plan,
    target: &TargetProgram,
    options: &Options,
    turn: &mut Turn<'_>,
    known: Vec<CaseRecord>,
    listeners: &mut [&mut dyn Listener],
) -> Result<Vec<CaseRecord>, RunError> {
    if let Some(left) = turn.machine.processes.filter(|left| *left < capacity::LEAST_PROCESSES) {
        return Err(RunError::Impossible(format!(
            "this machine lets this user start only {left} more processes and threads (see `ulimit -u`, and the \
             limit of the container), and a grading needs {}",
            capacity::LEAST_PROCESSES
        )));
    }
    notify(listeners, &Event::Planned(plan));
    let shared = Shared::new(plan, target, options, (turn.machine, turn.number));
    let mut before: Vec<Option<CaseRecord>> = vec![None; plan.cases.len()];
    for record in known {
        let Some(index) = plan.cases.iter().position(|case| case.id == record.id) else { continue };
        notify(listeners, &Event::Started { id: &record.id });
        notify(listeners, &Event::Finished(&record));
        let failed = record.outcome == Outcome::Fail;
        before[index] = Some(record);
        if failed && options.fail_fast {
            shared.stopped.store(true, Ordering::SeqCst);
        }
    }
    let order: Vec<usize> = (0..plan.cases.len()).filter(|index| before[*index].is_none()).collect();
    turn.begin();
    let first = shared.round(&order, Beside::Others, listeners);
    turn.end();
    let mut records: Vec<Option<CaseRecord>> =
        first?.into_iter().zip(before).map(|(record, before)| record.or(before)).collect();
    shared.settle(&mut records, turn, listeners)?;

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

/// Plays one case in a worker of its own, beside whatever else runs, and nothing of it again: the outcome is the worker's.
///
/// # Errors
/// The target cannot be started, or the port is taken.
pub fn one(case: &Case, target: &TargetProgram, options: &Options) -> Result<CaseRecord, RunError> {
    let plan = Plan { cases: vec![case.clone()], dropped: Vec::new(), requirements: Vec::new() };
    let machine = Machine::for_one(1, options.isolation);
    let shared = Shared::new(&plan, target, options, (&machine, 0));
    let played = shared.play_in(&mut None, (case, Start::Own, false), &Cancel::default(), |_| {});
    match played {
        Message::Finished(record) => Ok(*record),
        Message::Impossible(reason) => Err(RunError::Impossible(reason)),
        Message::Waiting { .. } | Message::Resumed | Message::Happened(_) => {
            Ok(CaseRecord::unplayed(case, Outcome::Error, "the worker ended without a verdict".to_owned()))
        }
    }
}

fn notify(listeners: &mut [&mut dyn Listener], event: &Event<'_>) {
    for listener in listeners {
        listener.on(event);
    }
}

/// Which other cases run at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// As many as the machine allows.
    Others,
    /// Only cases that wait as long as a silence timeout: they do nothing meanwhile.
    LongWaits,
    /// Cases that are seen again, when a class is quiet.
    Few,
    /// None.
    Nobody,
}

/// A message from the threads of a run to the one that calls the listeners.
enum Update {
    Started(usize),
    FromWorker(usize, Message),
    Interrupted,
}

struct Shared<'a> {
    plan: &'a Plan,
    target: &'a TargetProgram,
    options: &'a Options,
    machine: &'a Machine,
    /// The number of its turn.
    submission: usize,
    stopped: AtomicBool,
    workers: Mutex<Vec<Pid>>,
    /// The cases that ran beside another one.
    overlapped: Mutex<BTreeSet<usize>>,
    sharing: Mutex<Sharing>,
    /// The machine may have too few processes even for one target alone.
    few_processes: bool,
    /// How many targets have never listened or connected: their work is not a start.
    never_started: AtomicUsize,
}

impl<'a> Shared<'a> {
    fn new(
        plan: &'a Plan,
        target: &'a TargetProgram,
        options: &'a Options,
        (machine, submission): (&'a Machine, usize),
    ) -> Self {
        Self {
            plan,
            target,
            options,
            machine,
            submission,
            stopped: AtomicBool::new(false),
            workers: Mutex::new(Vec::new()),
            overlapped: Mutex::new(BTreeSet::new()),
            sharing: Mutex::new(Sharing::default()),
            few_processes: machine.processes.is_some_and(|left| left < capacity::AMPLE_PROCESSES),
            never_started: AtomicUsize::new(0),
        }
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Plays again, alone, every case whose outcome other cases may have caused; see `overlap`.
    fn settle(
        &'a self,
        records: &mut [Option<CaseRecord>],
        turn: &Turn<'_>,
        listeners: &mut [&mut dyn Listener],
    ) -> Result<(), RunError> {
        let doubted = |index: &usize| {
            let overlapped = locked(&self.overlapped).contains(index);
            records[*index].as_ref().is_some_and(|record| overlap::in_doubt(record, overlapped))
        };
        let doubted: Vec<usize> = (0..records.len()).filter(doubted).collect();
        if doubted.is_empty() {
            return Ok(());
        }
        turn.wait_for_quiet();
        let mut confirmed = Confirmed::default();
        if self.machine.is_of_a_class() {
            self.settle_side_by_side(&doubted, &mut confirmed, records, listeners)?;
        }
        let is_unsettled = |index: &usize| {
            let left = |record: &CaseRecord| record.is_unsure() || overlap::may_be_starved(record);
            !self.machine.is_of_a_class() || records[*index].as_ref().is_some_and(left)
        };
        let doubted: Vec<usize> = doubted.into_iter().filter(is_unsettled).collect();
        // The long waits run at the same time, and all are played: leaving one out would save nothing.
        let (long, short): (Vec<usize>, Vec<usize>) =
            doubted.into_iter().partition(|index| machine::is_long(&self.plan.cases[*index]));
        self.again(&long, Beside::LongWaits, records, listeners)?;
        for index in short {
            let Some(before) = records[index].clone() else { continue };
            if self.has_stopped() {
                break;
            }
            if !self.believe(index, &before, &confirmed, records, listeners) {
                let played = self.again(&[index], Beside::Nobody, records, listeners)?;
                if let Some(alone) = records[index].as_ref().filter(|_| played.contains(&index)) {
                    confirmed.record(&before, alone);
                }
            }
        }
        Ok(())
    }

    /// The same for a class that is quiet: the long waits and a few of each kind at once, until each is repeated or
    /// believed. What is unsure even then is left.
    fn settle_side_by_side(
        &'a self,
        doubted: &[usize],
        confirmed: &mut Confirmed,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
    ) -> Result<(), RunError> {
        let mut left: Vec<(usize, CaseRecord)> =
            doubted.iter().filter_map(|index| Some((*index, records[*index].clone()?))).collect();
        while !left.is_empty() && !self.has_stopped() {
            let mut batch: Vec<(usize, CaseRecord)> = Vec::new();
            let of_kind = |batch: &[(usize, CaseRecord)], record: &CaseRecord| {
                batch.iter().filter(|(_, other)| overlap::kind(other) == overlap::kind(record)).count()
            };
            for (index, before) in std::mem::take(&mut left) {
                if self.believe(index, &before, confirmed, records, listeners) {
                    continue;
                }
                let is_long = machine::is_long(&self.plan.cases[index]);
                let room = is_long || batch.len() < SEEN_AT_ONCE && of_kind(&batch, &before) < CONFIRMATIONS;
                if room { &mut batch } else { &mut left }.push((index, before));
            }
            let indices: Vec<usize> = batch.iter().map(|(index, _)| *index).collect();
            let played = self.again(&indices, Beside::Few, records, listeners)?;
            for (index, before) in batch.iter().filter(|(index, _)| played.contains(index)) {
                if let Some(again) = &records[*index] {
                    confirmed.record(before, again);
                }
            }
        }
        Ok(())
    }

    /// Takes a failure as confirmed if enough failures of its kind were repeated.
    fn believe(
        &self,
        index: usize,
        before: &CaseRecord,
        confirmed: &Confirmed,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
    ) -> bool {
        let Some(failure) = confirmed.failure(before) else { return false };
        notify(listeners, &Event::Again { id: &before.id });
        notify(listeners, &Event::Finished(&failure));
        records[index] = Some(failure);
        true
    }

    /// Plays these cases again. A new record replaces the old one. Returns which have a new one.
    fn again(
        &'a self,
        indices: &[usize],
        beside: Beside,
        records: &mut [Option<CaseRecord>],
        listeners: &mut [&mut dyn Listener],
    ) -> Result<Vec<usize>, RunError> {
        if self.has_stopped() || indices.is_empty() {
            return Ok(Vec::new());
        }
        for index in indices {
            notify(listeners, &Event::Again { id: &self.plan.cases[*index].id });
        }
        let again = self.round(indices, beside, listeners)?;
        let mut played = Vec::new();
        for (index, (slot, record)) in records.iter_mut().zip(again).enumerate() {
            if let Some(record) = record {
                *slot = Some(record);
                played.push(index);
            }
        }
        Ok(played)
    }

    /// Passes the threads' messages to the listeners until every case is done, or the run ends for another reason.
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
                Update::Started(index) => notify(listeners, &Event::Started { id: id(index) }),
                Update::FromWorker(index, Message::Waiting { what, at_most, .. }) => {
                    notify(listeners, &Event::Waiting { id: id(index), what: &what, at_most });
                }
                Update::FromWorker(index, Message::Happened(entry)) => {
                    notify(listeners, &Event::Happened { id: id(index), entry: &entry });
                }
                Update::FromWorker(index, Message::Resumed) => {
                    notify(listeners, &Event::Resumed { id: id(index) })
                }
                Update::FromWorker(index, Message::Finished(record)) => {
                    remaining -= 1;
                    let record = *record;
                    let overlapped = locked(&self.overlapped).contains(&index);
                    let doubted = beside == Beside::Others && overlap::in_doubt(&record, overlapped);
                    match doubted && record.outcome == Outcome::Fail {
                        true => notify(listeners, &Event::Finished(&unconfirmed(&record))),
                        false => notify(listeners, &Event::Finished(&record)),
                    }
                    let failed = record.outcome == Outcome::Fail && !doubted;
                    records[index] = Some(record);
                    if failed && self.options.fail_fast {
                        self.stopped.store(true, Ordering::SeqCst);
                        return None;
                    }
                }
                // The target could be started before: only this worker failed.
                Update::FromWorker(index, Message::Impossible(reason))
                    if beside != Beside::Others || records.iter().any(Option::is_some) =>
                {
                    remaining -= 1;
                    let record = CaseRecord::unplayed(&self.plan.cases[index], Outcome::Error, reason);
                    notify(listeners, &Event::Finished(&record));
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

    /// Kills the workers that still run, with all that they started.
    fn kill_workers(&self) {
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Fails if it has ended already.
            let _ = kill(*worker, Signal::SIGKILL);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The report of a failure that was not yet repeated alone.
fn unconfirmed(record: &CaseRecord) -> CaseRecord {
    let message = record.message.as_deref().unwrap_or_default();
    CaseRecord {
        outcome: Outcome::Inconclusive,
        charged: Vec::new(),
        message: Some(format!("{message}; but other cases ran beside this one")),
        ..record.clone()
    }
}

/// The least duration of a run: all cases at once, or one by one.
pub fn least_duration(plan: &Plan, isolation: Isolation) -> Duration {
    match isolation {
        Isolation::Namespace => plan.longest_wait(),
        Isolation::Host => plan.total_wait(),
    }
}
