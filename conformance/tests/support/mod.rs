//! What several tests need: our programs and those of the machine, folders, networks, turns, and repeated gradings. The
//! test programs outside the suite include the files that they use.

pub(crate) mod again;
pub(crate) mod at_once;
pub(crate) mod built;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod installed;
pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod machine;
pub(crate) mod networks;
pub(crate) mod paths;
pub(crate) mod peers;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod said;
pub(crate) mod words;

use conformance::model::requirement::Catalogue;

/// All requirements.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap()
}
