//! The threads of a run. Each has a seat: it plays one chain of cases after the other in a worker, which it keeps as long
//! as all passes. For the loop of a run.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use super::process::Worker;
use super::sharing::{Chain, chains};
use super::{Beside, Shared, Update, locked};
use crate::model::event::Listener;
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::Isolation;
use crate::run::RunError;
use crate::run::capacity;
use crate::run::overlap;
use crate::run::slots::Tokens;
use crate::run::worker::{Message, Start};
use crate::stage::interrupt;

/// The most cases that one worker plays: what they leave in its network and on its disk stays small.
const MOST_IN_A_NETWORK: usize = 32;

/// A chain, with the tokens that its first case already holds.
struct Task {
    chain: Chain,
    weight: usize,
}

/// The seats that wait for a task; `None` once no more tasks come.
type Idle = Mutex<Option<Vec<Sender<Task>>>>;

/// What the seats of one round share.
#[derive(Clone, Copy)]
struct Round<'r> {
    beside: Beside,
    tokens: &'r Tokens,
    places: &'r Tokens,
    idle: &'r Idle,
}

impl<'a> Shared<'a> {
    /// Runs the cases of these indices. The record of a case that was not reached stays empty.
    pub(super) fn round(
        &'a self,
        order: &[usize],
        beside: Beside,
        listeners: &mut [&mut dyn Listener],
    ) -> Result<Vec<Option<CaseRecord>>, RunError> {
        let mut records: Vec<Option<CaseRecord>> = vec![None; self.plan.cases.len()];
        if self.has_stopped() {
            return Ok(records);
        }
        let chains = match self.shares(beside) {
            true => chains(&self.plan.cases, order),
            false => order.iter().map(|index| vec![*index]).collect(),
        };
        let (sender, updates) = mpsc::channel();
        let tokens = Tokens::new(self.jobs);
        let places = Tokens::new(locked(&self.limit).get());
        let idle = Mutex::new(Some(Vec::new()));
        let interrupted = sender.clone();
        interrupt::on_interrupt(Some(Box::new(move || {
            // Fails only when the run is over.
            let _ = interrupted.send(Update::Interrupted);
        })));
        let impossible = thread::scope(|scope| {
            let round = Round { beside, tokens: &tokens, places: &places, idle: &idle };
            let starting = thread::Builder::new().spawn_scoped(scope, move || {
                self.start_all(scope, chains, round, &sender);
                *locked(round.idle) = None;
            });
            let impossible = match starting {
                Ok(_) => self.listen(&updates, beside, &mut records, listeners, order.len()),
                Err(error) => Some(format!("cannot start a thread: {error}")),
            };
            tokens.stop();
            places.stop();
            *locked(&idle) = None;
            self.kill_workers();
            impossible
        });
        interrupt::on_interrupt(None);
        impossible.map_or(Ok(records), |reason| Err(RunError::Impossible(reason)))
    }

    /// Gives each chain to a seat, as soon as there is room for it.
    fn start_all<'s>(
        &'a self,
        scope: &'s thread::Scope<'s, '_>,
        chains: Vec<Chain>,
        round: Round<'s>,
        sender: &Sender<Update>,
    ) where
        'a: 's,
    {
        for chain in chains {
            let exclusive = chain.iter().any(|index| self.plan.cases[*index].exclusive);
            let weight = if round.beside != Beside::Others || exclusive { self.jobs } else { 1 };
            if !(round.places.take(1) && round.tokens.take(weight)) {
                return;
            }
            let task = Task { chain, weight };
            let waiting = locked(round.idle).as_mut().and_then(Vec::pop);
            let task = match waiting {
                Some(seat) => match seat.send(task) {
                    Ok(()) => continue,
                    Err(unsent) => unsent.0,
                },
                None => task,
            };
            let chain = task.chain.clone();
            let to = sender.clone();
            let started =
                thread::Builder::new().spawn_scoped(scope, move || self.take_seat(task, round, &to));
            if let Err(error) = started {
                for index in chain {
                    let _ = sender.send(Update::FromWorker(index, self.not_started(index, &error)));
                }
                round.tokens.give_back(weight);
                round.places.give_back(1);
            }
        }
    }

    /// The life of a seat. Its worker dies with this thread.
    fn take_seat(&'a self, mut task: Task, round: Round<'_>, sender: &Sender<Update>) {
        let mut worker = None;
        loop {
            self.play_chain(&task, &mut worker, round, sender);
            let (seat, tasks) = mpsc::channel();
            match locked(round.idle).as_mut() {
                Some(idle) => idle.push(seat),
                None => {
                    round.places.give_back(1);
                    return;
                }
            }
            // Only now: so the next task finds this seat.
            round.places.give_back(1);
            match tasks.recv() {
                Ok(next) => task = next,
                Err(_) => return,
            }
        }
    }

    fn play_chain(
        &'a self,
        task: &Task,
        worker: &mut Option<Worker<'a>>,
        round: Round<'_>,
        sender: &Sender<Update>,
    ) {
        for (number, &index) in task.chain.iter().enumerate() {
            if number > 0 && !round.tokens.take(task.weight) {
                return;
            }
            let start = match number {
                _ if task.chain.len() == 1 => Start::Own,
                0 => Start::First,
                _ => Start::Next,
            };
            self.case((index, start, task.weight), worker, round, sender);
        }
    }

    /// Plays one case, from its start to its last message. It holds so many tokens.
    fn case(
        &'a self,
        (index, start, weight): (usize, Start, usize),
        worker: &mut Option<Worker<'a>>,
        round: Round<'_>,
        sender: &Sender<Update>,
    ) {
        let Round { beside, tokens, places, .. } = round;
        let case = &self.plan.cases[index];
        let mut held = weight;
        let send = |update| {
            // Fails if the run has stopped early. Then the worker is killed.
            let _ = sender.send(update);
        };
        locked(&self.overlaps).start(index);
        send(Update::Started(index));
        let refused_before = capacity::refusals();
        let may_share = self.shares(beside) && case.may_share_a_network();
        worker.take_if(|worker| {
            !(may_share && worker.played < MOST_IN_A_NETWORK && locked(&self.sharing).allows(case.role))
        });
        let shared = worker.is_some();
        let on_message = |message: Message, held: &mut usize| {
            if let Message::Waiting { at_most, memory_bytes, starting, .. } = &message {
                self.record_memory(*memory_bytes, places);
                if !self.keeps_tokens(case.exclusive, beside, *at_most, *starting) {
                    tokens.give_back(std::mem::take(held));
                }
            }
            send(Update::FromWorker(index, message));
        };
        let mut last = self.play_in(worker, (case, start), |message| on_message(message, &mut held));
        let again = shared && !has_passed(&last);
        if again {
            *worker = None;
            if held == 0 && tokens.take(weight) {
                held = weight;
            }
            let start = if start == Start::Own { Start::Own } else { Start::First };
            last = self.play_in(worker, (case, start), |message| on_message(message, &mut held));
        }
        locked(&self.sharing).record(case.role, has_passed(&last), again);
        worker.take_if(|_| !(may_share && has_passed(&last)));
        if let Message::Finished(record) = &mut last {
            let overlapped = beside == Beside::Others && locked(&self.overlaps).contains(index);
            if (overlapped || self.few_processes) && capacity::refusals() > refused_before {
                excuse(record);
            }
            self.record_memory(0, places);
            self.record_start(record);
        }
        locked(&self.overlaps).end(index);
        tokens.give_back(held);
        send(Update::FromWorker(index, last));
    }

    /// Whether cases may be played where others were played before.
    fn shares(&self, beside: Beside) -> bool {
        beside == Beside::Others && self.options.isolation == Isolation::Namespace
    }

    /// Whether a case keeps its tokens while it waits. A measuring case waits for work of the processor. So does a case
    /// whose target is still starting, unless several targets have never finished their start.
    fn keeps_tokens(&self, exclusive: bool, beside: Beside, at_most: Duration, starting: bool) -> bool {
        match beside {
            Beside::Others => exclusive || starting && !self.starts_are_hopeless(),
            Beside::LongWaits => at_most <= self.options.tolerances.startup,
            Beside::Nobody => true,
        }
    }

    fn starts_are_hopeless(&self) -> bool {
        self.never_started.load(Ordering::Relaxed) >= overlap::CONFIRMATIONS
    }

    fn record_start(&self, record: &CaseRecord) {
        let fault = record.finding.as_ref().map(|finding| &finding.fault);
        if matches!(fault, Some(Fault::NotListening { .. } | Fault::NotAccepted { .. })) {
            self.never_started.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn has_passed(message: &Message) -> bool {
    let passed = |record: &CaseRecord| matches!(record.outcome, Outcome::Pass | Outcome::Skip);
    matches!(message, Message::Finished(record) if passed(record))
}

/// Makes a failure inconclusive: the machine refused to start processes meanwhile, which may be its cause.
fn excuse(record: &mut CaseRecord) {
    if record.outcome == Outcome::Fail {
        let message = record.message.take().unwrap_or_default();
        record.outcome = Outcome::Inconclusive;
        record.charged = Vec::new();
        record.message = Some(format!("{message}; but this machine refused to start processes meanwhile"));
    }
}
