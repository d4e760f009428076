//! Makes a failure small: fewer conversations, then fewer and simpler stimuli in each. Every step is played on a fresh
//! start, and kept only if it fails in the same way.

use std::time::{Duration, Instant};

use super::conversation::Conversation;
use super::play::{PlayError, Signature, Stage, Title};
use super::strategy::Tree;
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
    let mut trees = shrinker.fewer(trees)?;
    for index in 0..trees.len() {
        shrinker.simpler(&mut trees, index)?;
    }
    let smallest = !shrinker.is_over();
    let mut conversations: Vec<Conversation> = trees.iter().map(Tree::current).collect();
    for conversation in &mut conversations {
        *conversation = conversation.without_idle_stimuli(stage.measures);
    }
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
        let title = Title { id: "explored".to_owned(), summary: "Smaller".to_owned(), ..Title::default() };
        let batch = self.stage.written(conversations, title, &self.tolerances)?;
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
        // Where time ran out in the middle of a try, it is taken back.
        if trees[index].current() != best {
            trees[index].complicate();
        }
        Ok(())
    }
}
