//! The file of known failures, for `--baseline` and `--write-baseline`. A known failure does not fail the run. A known
//! failure that passes does, so that users keep the file up to date.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::known::Comparison;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Ids of the cases that are known to fail.
    pub known_failures: BTreeSet<String>,
}

/// Why a baseline cannot be used.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// The file cannot be read.
    #[error("--baseline {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no baseline.
    #[error("--baseline {}:{line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Baseline {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let text = fs::read_to_string(path)
            .map_err(|source| BaselineError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
            let reason = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            BaselineError::Malformed { path: path.to_owned(), line, reason }
        })
    }

    /// The failures of a run.
    pub fn of(cases: &[CaseRecord]) -> Self {
        let failed = cases.iter().filter(|case| case.outcome == Outcome::Fail);
        Self { known_failures: failed.map(|case| case.id.clone()).collect() }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let ids: String = self
            .known_failures
            .iter()
            .map(|id| format!("    {},\n", toml::Value::from(id.as_str())))
            .collect();
        format!(
            "# Cases that are known to fail; written by --write-baseline, read by --baseline.\nknown_failures = [\n{ids}]\n"
        )
    }

    /// Compares a run with the file.
    pub fn compare(&self, cases: &[CaseRecord]) -> Comparison {
        let known = |outcome| {
            let of_outcome = cases.iter().filter(move |case| case.outcome == outcome);
            of_outcome
                .filter(|case| self.known_failures.contains(&case.id))
                .map(|case| case.id.clone())
                .collect()
        };
        Comparison { expected: known(Outcome::Fail), fixed: known(Outcome::Pass) }
    }

    /// Whether every failed case of a requirement is a known failure.
    pub fn explains_block(&self, requirement: &RequirementRecord, cases: &[CaseRecord]) -> bool {
        let own = cases.iter().filter(|case| case.requirements.contains(&requirement.id));
        own.filter(|case| case.outcome == Outcome::Fail).all(|case| self.known_failures.contains(&case.id))
    }

    /// Whether every case that a requirement failed on is a known failure.
    pub fn excuses(&self, requirement: &RequirementRecord, cases: &[CaseRecord]) -> bool {
        let mut charged = cases.iter().filter(|case| case.charged.contains(&requirement.id)).peekable();
        charged.peek().is_some() && charged.all(|case| self.known_failures.contains(&case.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back() {
        let known_failures = ["server/a[x \"y\"]".to_owned(), "server/b".to_owned()].into();
        let baseline = Baseline { known_failures };
        assert_eq!(toml::from_str::<Baseline>(&baseline.to_text()).unwrap(), baseline);
        assert_eq!(toml::from_str::<Baseline>(&Baseline::default().to_text()).unwrap(), Baseline::default());
    }
}
