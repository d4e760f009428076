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
    /// Whether the title only says what was seen. Otherwise it is likely.
    #[serde(default, skip_serializing_if = "is_false")]
    pub certain: bool,
    /// The line of the program that a stack trace names, such as `tester.py:57`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

// The signature that serde asks for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
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
    /// Whether the title only says what was seen. Otherwise it is likely.
    #[serde(default, skip_serializing_if = "is_false")]
    pub certain: bool,
    /// The lines of the program that the stack traces of its cases name, such as `tester.py:57`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// The requirements that fail because of it, the most important first.
    pub requirements: Vec<RequirementId>,
    /// The case that shows it best.
    pub witness: String,
    /// Other cases that show it.
    pub others: Vec<String>,
    /// Cases that fail because of it but do not show it.
    pub consequences: Vec<String>,
}
