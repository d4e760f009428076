//! Makes a failure small: fewer conversations, then fewer and simpler stimuli in each. Every step is played on a fresh
//! start, and kept only if it fails in the same way.

use std::time::{Duration, Instant};

use super::conversation::Conversation;
use super::play::{PlayError, Signature, Stage, Title};
use super::strategy::Tree;
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::tolerance::Tolerances;
use crate::stage::interrupt;

/// What is left of a failure.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest conversations that failed.
    pub conversations: Vec<Conversation>,
    /// The conversations before.
    pub original: Vec<Conversation>,
    /// How many were tried.
    pub tries: usize,
    /// Whether nothing smaller is left to try.
    pub smallest: bool,
}

struct Shrinker<'s, 't> {
    stage: &'s Stage<'t>,
    fault: String,
    tolerances: Tolerances,
    until: Instant,
    tried: Vec<Vec<Conversation>>,
}

/// Makes these conversations smaller as long as they fail as `record` does.
///
/// # Errors
/// The run cannot go on.
pub fn shrink(
    stage: &Stage<'_>,
    trees: Vec<Tree>,
    record: &CaseRecord,
    tolerances: Tolerances,
    budget: Duration,
) -> Result<Shrunk, PlayError> {
    let original: Vec<Conversation> = trees.iter().map(Tree::current).collect();
    let mut shrinker = Shrinker {
        stage,
        fault: Signature::of(record).map(|signature| signature.fault).unwrap_or_default(),
        tolerances,
        until: Instant::now() + budget,
        tried: Vec::new(),
    };
    // What fails at once needs no stimulus at all: the session that every case ends with shows it.
    let nothing =
        vec![Conversation { setting: original.last().and_then(|last| last.setting), stimuli: Vec::new() }];
    let never_starts = matches!(
        record.finding.as_ref().map(|finding| &finding.fault),
        Some(Fault::NotListening { .. } | Fault::NotAccepted { .. })
    );
    if never_starts || shrinker.fails(&nothing)? {
        return Ok(Shrunk { conversations: nothing, original, tries: shrinker.tried.len(), smallest: true });
    }
    let mut trees = shrinker.fewer(trees)?;
    for index in 0..trees.len() {
        shrinker.simpler(&mut trees, index)?;
    }
    let mut conversations: Vec<Conversation> =
        trees.iter().map(|tree| tree.current().without_idle_stimuli(stage.measures)).collect();
    for index in 0..conversations.len() {
        shrinker.shorter(&mut conversations, index)?;
    }
    let smallest = !shrinker.is_over();
    Ok(Shrunk { conversations, original, tries: shrinker.tried.len(), smallest })
}

impl Shrinker<'_, '_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until || interrupt::came()
    }

    /// Whether these fail in the same way.
    fn fails(&mut self, conversations: &[Conversation]) -> Result<bool, PlayError> {
        if conversations.is_empty() || self.tried.iter().any(|tried| tried == conversations) {
            return Ok(false);
        }
        self.tried.push(conversations.to_vec());
        let batch = self.stage.written(conversations, Title::passing(), &self.tolerances)?;
        let record = self.stage.play(&batch.case, &self.tolerances)?;
        let same = Signature::of(&record).is_some_and(|signature| signature.fault == self.fault);
        Ok(record.outcome == Outcome::Fail && same)
    }

    /// Leaves conversations out, from the first one on.
    fn fewer(&mut self, mut trees: Vec<Tree>) -> Result<Vec<Tree>, PlayError> {
        let mut index = 0;
        while index + 1 < trees.len() && !self.is_over() {
            let mut rest: Vec<Conversation> = trees.iter().map(Tree::current).collect();
            rest.remove(index);
            match self.fails(&rest)? {
                true => drop(trees.remove(index)),
                false => index += 1,
            }
        }
        Ok(trees)
    }

    /// Makes one conversation simpler, the others as they are.
    fn simpler(&mut self, trees: &mut [Tree], index: usize) -> Result<(), PlayError> {
        let mut best = trees[index].current();
        let mut going = trees[index].simplify();
        while going && !self.is_over() {
            let current = trees[index].current();
            let all: Vec<Conversation> = trees.iter().map(Tree::current).collect();
            going = match current == best || self.fails(&all)? {
                true => {
                    best = current;
                    trees[index].simplify()
                }
                false => trees[index].complicate(),
            };
        }
        // If time ran out in the middle of a try, it is taken back.
        if trees[index].current() != best {
            trees[index].complicate();
        }
        Ok(())
    }

    /// Leaves out what the state machine kept because something else had to go first, until nothing more can go.
    fn shorter(&mut self, conversations: &mut Vec<Conversation>, index: usize) -> Result<(), PlayError> {
        let mut place = 0;
        while place < conversations[index].stimuli.len() && !self.is_over() {
            let stimuli = &conversations[index].stimuli;
            let peer = stimuli[place].peer();
            let mut without_peer = stimuli.clone();
            without_peer.retain(|stimulus| peer.is_none() || stimulus.peer() != peer);
            let mut without_one = stimuli.clone();
            without_one.remove(place);
            let mut shrunk = false;
            for fewer in [without_peer, without_one] {
                let mut candidate = conversations.clone();
                candidate[index].stimuli = fewer;
                candidate[index] = candidate[index].without_idle_stimuli(self.stage.measures);
                if candidate[index].stimuli.len() < conversations[index].stimuli.len()
                    && self.fails(&candidate)?
                {
                    *conversations = candidate;
                    shrunk = true;
                    break;
                }
            }
            place = if shrunk { 0 } else { place + 1 };
        }
        Ok(())
    }
}
