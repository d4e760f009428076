//! Where the files of the project are, for tests that read them.

use std::path::{Path, PathBuf};

/// A file of the repository, by its path below this crate.
pub(crate) fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
