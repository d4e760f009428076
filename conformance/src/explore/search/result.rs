//! What to explore, and what came of it. Plain data.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::explore::coverage::Coverage;
use crate::model::case::Role;
use crate::model::outcome::CaseRecord;

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
    /// A failure was confirmed, and is being shrunk.
    Confirmed(&'a CaseRecord, Duration),
    /// It was shrunk.
    Shrunk(&'a Find),
}
