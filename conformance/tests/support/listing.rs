//! The cases that `--list` prints.

use assert_cmd::Command;
use conformance::model::requirement::RequirementId;
use serde::Deserialize;

/// A case as the list for programs has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) requirements: Vec<RequirementId>,
    dropped: Option<String>,
}

/// The cases that this call of the runner would play.
pub(crate) fn listed(runner: &mut Command) -> Vec<Listed> {
    #[derive(Deserialize)]
    struct Listing {
        cases: Vec<Listed>,
    }
    let output = runner.args(["--list", "--report=json"]).output().unwrap();
    let listing: Listing = serde_json::from_slice(&output.stdout).unwrap();
    listing.cases.into_iter().filter(|case| case.dropped.is_none()).collect()
}
