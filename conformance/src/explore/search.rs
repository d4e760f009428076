//! The search: deals conversations in rounds, plays several cases side by side, and follows up each failure. A short
//! patience raises a suspicion; only the full patience, alone on a fresh start, confirms it.

mod follow;
mod result;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

pub use result::{Exploration, Find, News, Wanted};

use super::conversation::Conversation;
use super::deal::Dealer;
use super::play::{Batch, PlayError, Signature, Stage, Title, is_suspicious};
use super::stimulus::Route;
use super::strategy::{Deal, Decks, Tree, deal};
use crate::model::case::Role;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::Isolation;
use crate::model::tolerance::Tolerances;
use crate::stage::interrupt;

/// The patience of the first round. It doubles each time when it was too short.
const FIRST_PATIENCE: Duration = Duration::from_millis(1200);

/// A silence timeout that is as short as this is waited for in ordinary conversations. Longer ones are waited for once.
const SHORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The patience while a find is made shorter: far more than an answer on loopback takes.
const SHRINKING_PATIENCE: Duration = Duration::from_millis(500);

/// Conversations of a case in the first round, and at most: a first answer comes soon, and later rounds save starts.
const CONVERSATIONS: (usize, usize) = (5, 24);

/// How long a round may last before its cases get shorter.
const ROUND: Duration = Duration::from_secs(4);

/// After so many failures in a row that were found before, everything meets the same find, and the search ends.
const SAME_AGAIN: usize = 24;

/// How often a shrunk conversation is played at the end, unless its failure takes a whole patience to show.
const REPLAYS: usize = 3;

/// Explores a target.
///
/// # Errors
/// The target cannot be started, or the model has a defect.
pub fn explore(
    stage: &Stage<'_>,
    wanted: &Wanted,
    tell: &mut dyn FnMut(News<'_>),
) -> Result<Exploration, PlayError> {
    Search::new(stage, wanted).run(tell)
}

struct Search<'s, 't> {
    stage: &'s Stage<'t>,
    wanted: &'s Wanted,
    decks: Decks,
    runner: TestRunner,
    began: Instant,
    patience: Duration,
    length: usize,
    known: BTreeSet<Signature>,
    /// Failures since the last case without one that were all known.
    known_in_a_row: usize,
    result: Exploration,
}

/// A case that was played.
struct Played {
    trees: Vec<Tree>,
    batch: Batch,
    record: CaseRecord,
}

impl<'s, 't> Search<'s, 't> {
    fn new(stage: &'s Stage<'t>, wanted: &'s Wanted) -> Self {
        let others: &[Route] = match stage.options.isolation {
            Isolation::Namespace => &[Route::Ipv6, Route::External],
            Isolation::Host => &[],
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&wanted.seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        // Nothing is kept on the disk: the seed alone brings an exploration back.
        let config = Config { failure_persistence: None, ..Config::default() };
        Self {
            stage,
            wanted,
            decks: Arc::new(Mutex::new(Dealer::new(
                stage.measures,
                stage.options.tolerances.control_timeout <= SHORT_TIMEOUT,
                others,
            ))),
            runner: TestRunner::new_with_rng(config, rng),
            began: Instant::now(),
            patience: FIRST_PATIENCE.min(stage.options.tolerances.patience),
            length: CONVERSATIONS.0,
            known: BTreeSet::new(),
            known_in_a_row: 0,
            result: Exploration::default(),
        }
    }

    fn run(mut self, tell: &mut dyn FnMut(News<'_>)) -> Result<Exploration, PlayError> {
        let (stage, waits) = (self.stage, self.long_waits()?);
        thread::scope(|scope| {
            let full = stage.options.tolerances.clone();
            let running: Vec<_> = waits
                .into_iter()
                .map(|(conversation, batch)| {
                    let full = full.clone();
                    scope.spawn(move || {
                        stage.play(&batch.case, &full).map(|record| (conversation, batch, record))
                    })
                })
                .collect();
            self.rounds(tell)?;
            for played in running.into_iter().filter_map(|thread| thread.join().ok()) {
                self.waited(played?, tell)?;
            }
            Ok::<(), PlayError>(())
        })?;
        self.result.duration = self.began.elapsed();
        Ok(self.result)
    }

    /// The conversations that wait long and fit into the time. They are played once, all side by side.
    fn long_waits(&self) -> Result<Vec<(Conversation, Batch)>, PlayError> {
        let full = &self.stage.options.tolerances;
        let apart = self.stage.options.isolation == Isolation::Namespace && !self.wanted.first_only;
        let fits =
            |(least, _): &(Duration, Conversation)| apart && *least + full.patience <= self.wanted.time;
        let waits = Dealer::long_waits(&self.wanted.roles, full).into_iter().filter(fits);
        waits
            .map(|(_, conversation)| {
                let batch =
                    self.stage.written(std::slice::from_ref(&conversation), Title::passing(), full)?;
                Ok((conversation, batch))
            })
            .collect()
    }

    fn rounds(&mut self, tell: &mut dyn FnMut(News<'_>)) -> Result<(), PlayError> {
        // Each role gets the same time: a round with clients takes longer.
        let mut spent: Vec<(Duration, Role)> =
            self.wanted.roles.iter().map(|role| (Duration::ZERO, *role)).collect();
        while !self.is_over() {
            let Some((time, role)) = spent.iter_mut().min_by_key(|(time, _)| *time) else { break };
            let begun = Instant::now();
            let suspicious = self.round(*role)?;
            *time += begun.elapsed();
            for played in suspicious {
                if self.is_over() {
                    break;
                }
                self.follow(played, tell)?;
            }
        }
        Ok(())
    }

    fn is_over(&mut self) -> bool {
        self.result.blocked = self.known_in_a_row >= SAME_AGAIN;
        let enough = self.wanted.conversations.is_some_and(|most| self.result.conversations >= most)
            || self.wanted.first_only && !self.result.finds.is_empty();
        enough || self.result.blocked || self.began.elapsed() >= self.wanted.time || interrupt::came()
    }

    fn quick(&self) -> Tolerances {
        Tolerances { patience: self.patience, ..self.stage.options.tolerances.clone() }
    }

    /// Plays one round of cases side by side. Returns those in which something may be wrong.
    fn round(&mut self, role: Role) -> Result<Vec<Played>, PlayError> {
        let (quick, begun) = (self.quick(), Instant::now());
        let mut cases = Vec::new();
        for _ in 0..self.side_by_side(role) {
            let trees = self.dealt(role);
            let conversations: Vec<Conversation> = trees.iter().map(Tree::current).collect();
            cases.push((trees, self.stage.written(&conversations, Title::passing(), &quick)?));
        }
        let stage = self.stage;
        let records: Vec<_> = thread::scope(|scope| {
            let quick = &quick;
            let running: Vec<_> =
                cases.iter().map(|(_, batch)| scope.spawn(move || stage.play(&batch.case, quick))).collect();
            running.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut suspicious = Vec::new();
        for ((trees, batch), record) in cases.into_iter().zip(records) {
            // A thread that panicked would have ended the process of its worker, not this one.
            let Ok(record) = record else { continue };
            let record = record?;
            self.result.starts += 1;
            self.result.coverage.add(&batch.visits);
            let played = Played { trees, batch, record };
            match played.record.outcome {
                Outcome::Pass => {
                    self.result.conversations += played.trees.len();
                    self.known_in_a_row = 0;
                    self.result.held.extend(played.batch.held.iter().map(|id| (role, id.clone())));
                }
                _ if is_suspicious(&played.record) => {
                    self.result.conversations += played.batch.culprit(&played.record) + 1;
                    suspicious.push(played);
                }
                _ => {}
            }
        }
        // Cases grow as long as nothing is wrong and a round is short, so that the end comes in time for a slow target too.
        self.length = match suspicious.is_empty() {
            _ if begun.elapsed() > ROUND => (self.length / 2).max(1),
            true => (self.length * 2).min(CONVERSATIONS.1),
            false => self.length.min(CONVERSATIONS.0),
        };
        Ok(suspicious)
    }

    fn side_by_side(&self, role: Role) -> usize {
        match (self.stage.options.isolation, role) {
            (Isolation::Host, _) => 1,
            // Most of a client's time is its --time.
            (_, Role::Client) => self.stage.options.jobs * 4,
            _ => self.stage.options.jobs,
        }
    }

    fn dealt(&mut self, role: Role) -> Vec<Tree> {
        let kinds = match role {
            Role::Client => vec![Deal::Client],
            _ => [vec![Deal::Server; self.length], vec![Deal::Finale]].concat(),
        };
        let (decks, measures) = (&self.decks, self.stage.measures);
        kinds.into_iter().filter_map(|kind| deal(kind, decks, measures, &mut self.runner)).collect()
    }
}
