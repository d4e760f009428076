//! The search: deals conversations in rounds, plays several cases side by side, and follows up each failure. A short
//! patience raises a suspicion; only the full patience, alone on a fresh start, confirms it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::conversation::Conversation;
use super::coverage::Coverage;
use super::deal::Dealer;
use super::play::{Batch, PlayError, Signature, Stage, Title, is_suspicious};
use super::shrink::{Shrunk, shrink};
use super::stimulus::Route;
use super::strategy::{Deal, Decks, Tree, deal};
use crate::model::case::Role;
use crate::model::lateness::Lateness;
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

/// After so many failures in a row that were found before, everything meets the same find, and the search ends.
const SAME_AGAIN: usize = 24;

/// How often a shrunk conversation is played at the end, unless its failure takes a whole patience to show.
const REPLAYS: usize = 3;

/// What to explore.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The roles of the target.
    pub roles: Vec<Role>,
    /// How long.
    pub time: Duration,
    /// At most so many conversations.
    pub conversations: Option<usize>,
    /// Stop at the first find.
    pub first_only: bool,
    /// Comes back with the same conversations.
    pub seed: u64,
    /// How long a find may be shrunk.
    pub shrinking: Duration,
}

/// A confirmed failure, shrunk.
#[derive(Clone, Debug)]
pub struct Find {
    /// The shrunk conversation as it was played, with its failure.
    pub record: CaseRecord,
    /// It as a fixture.
    pub fixture: String,
    /// When the first sign of it came.
    pub suspected: Duration,
    /// When it was confirmed alone.
    pub confirmed: Duration,
    /// Stimuli before and after shrinking.
    pub stimuli: (usize, usize),
    /// How often the shrunk conversation failed, of how many times.
    pub rate: (usize, usize),
    /// Whether shrinking came to its end within its budget.
    pub smallest: bool,
}

/// The whole of an exploration.
#[derive(Clone, Debug, Default)]
pub struct Exploration {
    /// What was found.
    pub finds: Vec<Find>,
    /// Conversations that were played.
    pub conversations: usize,
    /// Starts of the target.
    pub starts: usize,
    /// Failures that did not come again when they were played alone, in one sentence each.
    pub unconfirmed: Vec<String>,
    /// Failures that showed a find once more.
    pub again: usize,
    /// The requirements that cases without a failure speak for, and the roles of those cases.
    pub held: BTreeSet<(Role, String)>,
    /// The transitions that were tried.
    pub coverage: Coverage,
    /// How long it took.
    pub duration: Duration,
    /// Whether it ended because everything met one find.
    pub blocked: bool,
}

/// What is told while an exploration goes on.
#[derive(Debug)]
pub enum News<'a> {
    /// A round is over.
    Round(&'a Exploration),
    /// A failure was confirmed, and is being shrunk.
    Confirmed(&'a CaseRecord, Duration),
    /// It was shrunk.
    Shrunk(&'a Find),
}

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
                let batch = self.stage.written(&[conversation.clone()], self.title("explored", &[]), full)?;
                Ok((conversation, batch))
            })
            .collect()
    }

    /// A long wait is over. A failure is confirmed by a second one.
    fn waited(
        &mut self,
        (conversation, batch, record): (Conversation, Batch, CaseRecord),
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), PlayError> {
        self.result.starts += 1;
        self.result.conversations += 1;
        self.result.coverage.add(&batch.visits);
        let role = conversation.role();
        let suspected = self.began.elapsed();
        match record.outcome {
            Outcome::Pass => self.result.held.extend(batch.held.iter().map(|id| (role, id.clone()))),
            Outcome::Fail
                if !Signature::of(&record).is_some_and(|signature| self.known.contains(&signature)) =>
            {
                let full = self.stage.options.tolerances.clone();
                let again = self.alone(std::slice::from_ref(&conversation), &full)?;
                if again.outcome != Outcome::Fail {
                    return self.doubted(&record);
                }
                let confirmed = self.began.elapsed();
                tell(News::Confirmed(&again, confirmed));
                let kept = vec![conversation];
                let before = kept[0].stimuli.len();
                let shrunk = Shrunk { conversations: kept.clone(), original: kept, tries: 0, smallest: true };
                let find = self.settled(shrunk, &again, (suspected, confirmed), before)?;
                self.known.extend(Signature::of(&find.record));
                tell(News::Shrunk(&find));
                self.result.finds.push(find);
            }
            Outcome::Fail => self.result.again += 1,
            _ => {}
        }
        Ok(())
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
            tell(News::Round(&self.result));
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
        let quick = self.quick();
        let mut cases = Vec::new();
        for _ in 0..self.side_by_side(role) {
            let trees = self.dealt(role);
            let conversations: Vec<Conversation> = trees.iter().map(Tree::current).collect();
            let title = Title {
                id: "explored".to_owned(),
                summary: "What a tester may do next, in many ways".to_owned(),
                ..Title::default()
            };
            cases.push((trees, self.stage.written(&conversations, title, &quick)?));
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
        self.length = match suspicious.is_empty() {
            true => (self.length * 2).min(CONVERSATIONS.1),
            false => CONVERSATIONS.0,
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

    /// Confirms a failure and shrinks it.
    fn follow(&mut self, played: Played, tell: &mut dyn FnMut(News<'_>)) -> Result<(), PlayError> {
        let suspected = self.began.elapsed();
        let signature = Signature::of(&played.record);
        if signature.as_ref().is_some_and(|signature| self.known.contains(signature)) {
            self.result.again += 1;
            self.known_in_a_row += 1;
            return Ok(());
        }
        let mut trees = played.trees;
        trees.truncate(played.batch.culprit(&played.record) + 1);
        let Some((kept, record)) = self.confirmed(&mut trees)? else {
            return self.doubted(&played.record);
        };
        let confirmed = self.began.elapsed();
        self.known.extend(signature);
        let real = Signature::of(&record);
        let new = real.clone().is_none_or(|signature| self.known.insert(signature));
        if !new && self.result.finds.iter().any(|find| Signature::of(&find.record) == real) {
            self.result.again += 1;
            return Ok(());
        }
        tell(News::Confirmed(&record, confirmed));
        let before = kept.iter().map(|tree| tree.current().stimuli.len()).sum();
        // The find is played with the full patience once more at the end, so a short one is enough here.
        let quick = Tolerances { patience: self.patience.min(SHRINKING_PATIENCE), ..self.quick() };
        let shrunk = shrink(self.stage, kept, &record, quick, self.wanted.shrinking)?;
        self.result.starts += shrunk.tries;
        let find = self.settled(shrunk, &record, (suspected, confirmed), before)?;
        self.known.extend(Signature::of(&find.record));
        tell(News::Shrunk(&find));
        self.result.finds.push(find);
        Ok(())
    }

    /// The fewest of the last conversations that fail alone on a fresh start with the full patience.
    fn confirmed(&mut self, trees: &mut Vec<Tree>) -> Result<Option<(Vec<Tree>, CaseRecord)>, PlayError> {
        let all = trees.len();
        let mut sizes = vec![1, 1, 3, 8, all];
        sizes.retain(|size| *size <= all);
        let full = self.stage.options.tolerances.clone();
        for size in sizes {
            if interrupt::came() {
                break;
            }
            let last: Vec<Conversation> = trees[all - size..].iter().map(Tree::current).collect();
            let record = self.alone(&last, &full)?;
            if record.outcome == Outcome::Fail {
                return Ok(Some((trees.split_off(all - size), record)));
            }
        }
        Ok(None)
    }

    fn alone(
        &mut self,
        conversations: &[Conversation],
        tolerances: &Tolerances,
    ) -> Result<CaseRecord, PlayError> {
        self.result.starts += 1;
        let title = Title { id: "explored".to_owned(), summary: "Alone".to_owned(), ..Title::default() };
        let batch = self.stage.written(conversations, title, tolerances)?;
        Ok(self.stage.play(&batch.case, tolerances)?)
    }

    /// A failure that did not come again.
    fn doubted(&mut self, record: &CaseRecord) -> Result<(), PlayError> {
        let timed =
            record.finding.as_ref().is_some_and(|finding| finding.fault.lateness() != Lateness::Irrelevant);
        if timed {
            self.patience = (self.patience * 2).min(self.stage.options.tolerances.patience);
        }
        if record.outcome == Outcome::Fail {
            self.result.unconfirmed.push(record.message.clone().unwrap_or_default());
        }
        Ok(())
    }

    /// The find as it is kept: named, played once more with the full patience, and told how often it fails.
    fn settled(
        &mut self,
        shrunk: Shrunk,
        first: &CaseRecord,
        (suspected, confirmed): (Duration, Duration),
        before: usize,
    ) -> Result<Find, PlayError> {
        let id = format!("explored/{}-{}", self.wanted.seed, self.result.finds.len() + 1);
        let full = self.stage.options.tolerances.clone();
        let mut best = (shrunk.conversations, shrunk.smallest);
        let mut charged = Signature::of(first).map(|signature| signature.charged).unwrap_or_default();
        let mut rate = (0, 0);
        let mut record = first.clone();
        for candidate in [best.0.clone(), shrunk.original.clone()] {
            let batch = self.stage.written(&candidate, self.title(&id, &[]), &full)?;
            rate = if candidate == shrunk.original { (1, 1) } else { (0, 0) };
            while rate.1 < REPLAYS && !(rate.1 > 0 && interrupt::came()) {
                let played = self.stage.play(&batch.case, &full)?;
                self.result.starts += 1;
                rate.1 += 1;
                if played.outcome != Outcome::Fail {
                    continue;
                }
                rate.0 += 1;
                let slow = played.duration >= full.patience;
                record = played;
                if slow {
                    break;
                }
            }
            if rate.0 > 0 {
                best.0 = candidate;
                charged.clone_from(&record.charged);
                break;
            }
            best = (shrunk.original.clone(), false);
        }
        // The head names what the shrunk conversation breaks, which may be more than the first failure told.
        let batch = self.stage.written(&best.0, self.title(&id, &charged), &full)?;
        record.id.clone_from(&id);
        record.summary.clone_from(&batch.case.summary);
        record.requirements.clone_from(&batch.case.requirements);
        let after = best.0.iter().map(|conversation| conversation.stimuli.len()).sum();
        Ok(Find {
            record,
            fixture: batch.text,
            suspected,
            confirmed,
            stimuli: (before, after),
            rate,
            smallest: best.1,
        })
    }

    fn title(&self, id: &str, charged: &[crate::model::requirement::RequirementId]) -> Title {
        let titles =
            charged.iter().filter_map(|id| self.stage.catalogue.find(id)).map(|entry| entry.title.clone());
        Title {
            id: id.to_owned(),
            comment: vec![format!(
                "Found by conformance explore --seed {}, and made as short as it could.",
                self.wanted.seed
            )],
            summary: match charged {
                [] => "What a tester may do next".to_owned(),
                _ => titles.collect::<Vec<_>>().join("; "),
            },
            requirements: charged.iter().map(ToString::to_string).collect(),
        }
    }
}
