//! The threads of a run. Each has a seat: it plays one chain of cases after the other in a worker, which it keeps as long
//! as all passes. For the loop of a run.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use super::machine::is_long;
use super::process::Worker;
use super::sharing::{Chain, chains};
use super::{Beside, Shared, Update, locked};
use crate::model::case::Case;
use crate::model::event::Listener;
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::Isolation;
use crate::run::RunError;
use crate::run::capacity;
use crate::run::overlap::{self, Visit};
use crate::run::slots::{Cancel, Tokens};
use crate::run::worker::{Message, Start};
use crate::stage::interrupt;

/// The most cases that one worker plays: what they leave in its network and on its disk stays small.
const MOST_IN_A_NETWORK: usize = 32;

/// The seats that wait for a chain; `None` once no more come. The first case of a chain has its tokens already.
type Idle = Mutex<Option<Vec<Sender<Chain>>>>;

/// What the seats of one round share.
#[derive(Clone, Copy)]
struct Round<'r> {
    beside: Beside,
    /// Ends every wait for a place or a processor.
    cancel: &'r Cancel,
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
        let (long, short): (Vec<Chain>, Vec<Chain>) =
            chains.into_iter().partition(|chain| is_long(&self.plan.cases[chain[0]]));
        let (sender, updates) = mpsc::channel();
        let idle = Mutex::new(Some(Vec::new()));
        let cancel = Cancel::default();
        let interrupted = sender.clone();
        let on_interrupt = interrupt::on_interrupt(Box::new(move || {
            // Fails only when the run is over.
            let _ = interrupted.send(Update::Interrupted);
        }));
        let impossible = thread::scope(|scope| {
            let round = Round { beside, cancel: &cancel, idle: &idle };
            let starting = thread::Builder::new().spawn_scoped(scope, move || {
                thread::scope(|both| {
                    // The long waits begin at once, and do not keep the others from beginning.
                    let (first, to) = (long.clone(), sender.clone());
                    let beside_it = thread::Builder::new()
                        .spawn_scoped(both, move || self.start_all(scope, first, round, &to));
                    self.start_all(scope, short, round, &sender);
                    if beside_it.is_err() {
                        self.start_all(scope, long, round, &sender);
                    }
                });
                *locked(round.idle) = None;
            });
            let impossible = match starting {
                Ok(_) => self.listen(&updates, beside, &mut records, listeners, order.len()),
                Err(error) => Some(format!("cannot start a thread: {error}")),
            };
            cancel.set();
            self.machine.wake();
            *locked(&idle) = None;
            self.kill_workers();
            impossible
        });
        drop(on_interrupt);
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
            let room = self.machine.room(&self.plan.cases[chain[0]]);
            let (tokens, weight) = self.tokens(&self.plan.cases[chain[0]], round.beside);
            if !room.take(1, round.cancel) {
                return;
            }
            if !tokens.take(weight, round.cancel) {
                // Other runs may share the room.
                room.give_back(1);
                return;
            }
            let waiting = locked(round.idle).as_mut().and_then(Vec::pop);
            let chain = match waiting {
                Some(seat) => match seat.send(chain) {
                    Ok(()) => continue,
                    Err(unsent) => unsent.0,
                },
                None => chain,
            };
            let cases = chain.clone();
            let to = sender.clone();
            let started =
                thread::Builder::new().spawn_scoped(scope, move || self.take_seat(chain, round, &to));
            if let Err(error) = started {
                for index in cases {
                    let _ = sender.send(Update::FromWorker(index, self.not_started(index, &error)));
                }
                tokens.give_back(weight);
                room.give_back(1);
            }
        }
    }

    /// The tokens for a case, and how many it takes.
    fn tokens(&self, case: &Case, beside: Beside) -> (&'a Tokens, usize) {
        let (tokens, weight) = self.machine.tokens(beside);
        (tokens, if case.exclusive { self.machine.most_tokens(beside) } else { weight })
    }

    /// The life of a seat. Its worker dies with this thread.
    fn take_seat(&'a self, mut chain: Chain, round: Round<'_>, sender: &Sender<Update>) {
        let mut worker = None;
        loop {
            let room = self.machine.room(&self.plan.cases[chain[0]]);
            self.play_chain(&chain, &mut worker, round, sender);
            let (seat, chains) = mpsc::channel();
            let more = locked(round.idle).as_mut().map(|idle| idle.push(seat)).is_some();
            // Only now: so the next chain finds this seat.
            room.give_back(1);
            match chains.recv() {
                Ok(next) if more => chain = next,
                _ => return,
            }
        }
    }

    fn play_chain(
        &'a self,
        chain: &Chain,
        worker: &mut Option<Worker<'a>>,
        round: Round<'_>,
        sender: &Sender<Update>,
    ) {
        for (number, &index) in chain.iter().enumerate() {
            let (tokens, weight) = self.tokens(&self.plan.cases[index], round.beside);
            if number > 0 && !tokens.take(weight, round.cancel) {
                return;
            }
            let start = match number {
                _ if chain.len() == 1 => Start::Own,
                0 => Start::First,
                _ if number + 1 == chain.len() => Start::Last,
                _ => Start::Next,
            };
            self.case((index, start), worker, round, sender);
        }
    }

    /// Plays one case, from its start to its last message. It holds so many tokens.
    fn case(
        &'a self,
        (index, start): (usize, Start),
        worker: &mut Option<Worker<'a>>,
        round: Round<'_>,
        sender: &Sender<Update>,
    ) {
        let beside = round.beside;
        let case = &self.plan.cases[index];
        let (tokens, weight) = self.tokens(case, beside);
        let mut held = weight;
        let send = |update| {
            // Fails if the run has stopped early. Then the worker is killed.
            let _ = sender.send(update);
        };
        let visit = self.machine.company.start();
        send(Update::Started(index));
        let refused_before = capacity::refusals();
        let may_share = self.shares(beside) && case.may_share_a_network();
        worker.take_if(|worker| {
            !(may_share && worker.played < MOST_IN_A_NETWORK && locked(&self.sharing).allows(case.role))
        });
        let shared = worker.is_some();
        let yields = beside == Beside::Others && self.machine.is_of_a_class();
        let on_message = |message: Message, held: &mut usize| {
            if let Message::Waiting { at_most, memory_bytes, starting, .. } = &message {
                self.machine.record_memory(self.submission, *memory_bytes);
                if !self.keeps_tokens(case.exclusive, beside, *at_most, *starting) {
                    tokens.give_back(std::mem::take(held));
                }
            }
            send(Update::FromWorker(index, message));
        };
        let mut last = self
            .play_in(worker, (case, start, yields), round.cancel, |message| on_message(message, &mut held));
        let again = shared && !self.counts(&last) && !round.cancel.is_set();
        if again {
            *worker = None;
            if held == 0 && tokens.take(weight, round.cancel) {
                held = weight;
            }
            let start = if start == Start::Own { Start::Own } else { Start::First };
            let fresh = self.play_in(worker, (case, start, yields), round.cancel, |message| {
                on_message(message, &mut held)
            });
            if let (Message::Finished(shared), Message::Finished(fresh)) = (&last, &fresh) {
                locked(&self.sharing).compare(shared, fresh);
            }
            last = fresh;
        }
        locked(&self.sharing).record(case.role, has_passed(&last), again);
        worker.take_if(|_| !(may_share && has_passed(&last)));
        let overlapped = self.leave(index, visit) && beside == Beside::Others;
        if let Message::Finished(record) = &mut last {
            if (overlapped || self.few_processes) && capacity::refusals() > refused_before {
                excuse(record);
            }
            self.machine.record_memory(self.submission, 0);
            self.record_start(record);
        }
        tokens.give_back(held);
        send(Update::FromWorker(index, last));
    }

    /// The case runs no longer. Returns whether it ran beside another one.
    pub(super) fn leave(&self, index: usize, visit: Visit) -> bool {
        let overlapped = self.machine.company.end(visit);
        if overlapped {
            locked(&self.overlapped).insert(index);
        }
        overlapped
    }

    /// Whether an outcome counts although others were played before.
    fn counts(&self, message: &Message) -> bool {
        matches!(message, Message::Finished(record) if locked(&self.sharing).believes(record))
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
            Beside::LongWaits | Beside::Few => at_most <= self.options.tolerances.startup,
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
