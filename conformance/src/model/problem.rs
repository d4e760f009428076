//! What there is to fix in a program, as every report names it: failures that share a cause, and the case that shows it
//! best. `diagnose` finds it, the reports print it.

use serde::{Deserialize, Serialize};

use crate::model::requirement::RequirementId;

/// What is probably wrong in the program, in words for the one who fixes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Short and stable: failures of the same key have the same cause.
    pub key: String,
    /// One sentence: what the program does wrong. No full stop.
    pub title: String,
    /// What to look for and what to do instead.
    pub remedy: String,
}

/// One thing to fix. Cases are named by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong in one line, in the words of the witness.
    pub title: String,
    /// The key of the cause, where that was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What to look for and what to do instead, where the cause was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The requirements that fail because of it, the foremost first.
    pub requirements: Vec<RequirementId>,
    /// The case that shows it best.
    pub witness: String,
    /// Other cases that show it.
    pub others: Vec<String>,
    /// Further cases that fail because of it, though they do not show it themselves.
    pub consequences: Vec<String>,
}
