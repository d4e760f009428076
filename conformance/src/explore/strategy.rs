//! Conversations as a proptest strategy: proptest's state machine deals them from the model and shrinks them against it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proptest::collection::SizeRange;
use proptest::strategy::{Just, NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proptest_state_machine::Sequential;

use super::client::Setting;
use super::conversation::{Conversation, Model};
use super::deal::Dealer;
use super::stimulus::Stimulus;

/// The shortest and the longest conversation with a server.
const STIMULI: std::ops::RangeInclusive<usize> = 2..=14;

/// The decks, shared by all conversations of an exploration.
pub type Decks = Arc<Mutex<Dealer>>;

/// One stimulus, and the simpler ones that may take its place.
#[derive(Debug)]
pub struct Simpler {
    current: Stimulus,
    before: Option<Stimulus>,
    left: VecDeque<Stimulus>,
}

impl Simpler {
    fn of(stimulus: Stimulus) -> Self {
        Self { left: stimulus.simpler().into(), current: stimulus, before: None }
    }
}

impl ValueTree for Simpler {
    type Value = Stimulus;

    fn current(&self) -> Stimulus {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        // The last one was not taken back: go on from there.
        if self.before.take().is_some() {
            self.left = self.current.simpler().into();
        }
        let Some(next) = self.left.pop_front() else { return false };
        self.before = Some(std::mem::replace(&mut self.current, next));
        true
    }

    fn complicate(&mut self) -> bool {
        match self.before.take() {
            Some(before) => {
                self.current = before;
                true
            }
            None => false,
        }
    }
}

/// The next stimulus after the model's state.
#[derive(Debug)]
struct Next {
    model: Model,
    decks: Decks,
}

impl Strategy for Next {
    type Tree = Simpler;
    type Value = Stimulus;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(Simpler::of(locked(&self.decks).next(&self.model, runner.rng())))
    }
}

fn locked(decks: &Decks) -> MutexGuard<'_, Dealer> {
    decks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state after the start, what is done, and how much of it was done before the failure.
type Whole = (Model, Vec<Stimulus>, Option<Arc<AtomicUsize>>);

/// A conversation that can be made simpler.
pub struct Tree {
    inner: Box<dyn ValueTree<Value = Whole>>,
    setting: Option<Setting>,
    /// Counts the stimuli that were done, until the first simplification: the state machine drops the others.
    done: Option<Arc<AtomicUsize>>,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tree").field(&self.current()).finish()
    }
}

impl Tree {
    /// The conversation as it is now.
    pub fn current(&self) -> Conversation {
        Conversation { setting: self.setting, stimuli: self.inner.current().1 }
    }

    /// Makes it simpler. False if there is nothing simpler.
    pub fn simplify(&mut self) -> bool {
        let all = self.current().stimuli.len();
        if let Some(done) = self.done.take() {
            done.store(all, Ordering::SeqCst);
        }
        self.inner.simplify()
    }

    /// Takes the last simplification back.
    pub fn complicate(&mut self) -> bool {
        self.inner.complicate()
    }
}

/// Which conversation is dealt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deal {
    /// With a server, which runs on afterwards.
    Server,
    /// With a server, which is interrupted.
    Finale,
    /// With a client.
    Client,
}

/// Deals the next conversation.
pub fn deal(kind: Deal, decks: &Decks, measures: bool, runner: &mut TestRunner) -> Option<Tree> {
    let (setting, size): (Option<Setting>, SizeRange) = match kind {
        Deal::Server => {
            locked(decks).begin_with_server();
            (None, STIMULI.into())
        }
        Deal::Finale => (None, locked(decks).begin_finale(runner.rng()).into()),
        Deal::Client => {
            let (setting, size) = locked(decks).begin_with_client(runner.rng());
            (Some(setting), size.into())
        }
    };
    let start = Model::new(setting, measures, "", Some(0));
    let from = Arc::clone(decks);
    let strategy = Sequential::new(
        size,
        move || Just(start.clone()),
        Model::allows,
        move |model: &Model| Next { model: model.clone(), decks: Arc::clone(&from) },
        |mut model: Model, stimulus: &Stimulus| {
            model.apply(stimulus);
            model
        },
    );
    let tree = strategy.new_tree(runner).ok()?;
    let (_, _, done) = tree.current();
    Some(Tree { inner: Box::new(tree), setting, done })
}
