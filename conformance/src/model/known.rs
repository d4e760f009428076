//! The failures of a run compared with the known failures (`--baseline`).

use serde::{Deserialize, Serialize};

/// The failures of a run compared with the known failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Cases that fail, as the file says.
    pub expected: Vec<String>,
    /// Cases that pass, though the file says that they fail. The user must take them out of the file.
    pub fixed: Vec<String>,
}
