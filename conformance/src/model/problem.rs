//! What there is to fix in a program: failures that share a cause, and the case that shows it best. `diagnose` finds it,
//! and the reports print it.

use serde::{Deserialize, Serialize};

use crate::model::requirement::RequirementId;

/// What is probably wrong in the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Short and stable. Failures with the same key have the same cause.
    pub key: String,
    /// One sentence: what the program does wrong. No full stop.
    pub title: String,
    /// What to look for and what to do instead.
    pub remedy: String,
}

/// One thing to fix. Cases are given by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, in one line: the title of the cause, or the message of the witness.
    pub title: String,
    /// The key of the cause, if it was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What to look for and what to do instead, if the cause was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The requirements that fail because of it, the most important first.
    pub requirements: Vec<RequirementId>,
    /// The case that shows it best.
    pub witness: String,
    /// Other cases that show it.
    pub others: Vec<String>,
    /// Cases that fail because of it but do not show it.
    pub consequences: Vec<String>,
}
