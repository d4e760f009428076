//! What a run says of the failures that were known before it, with `--baseline`.

use serde::{Deserialize, Serialize};

/// What a run says of the known failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Cases that fail and are known to.
    pub expected: Vec<String>,
    /// Cases that are known to fail and passed: take them out of the file.
    pub fixed: Vec<String>,
}
