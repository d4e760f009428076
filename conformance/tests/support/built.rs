//! The programs that cargo builds beside the runner.

use std::path::{Path, PathBuf};

/// A program of the workspace, by its path beside the runner's.
pub(crate) fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_conformance")).with_file_name(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace --all-targets makes it", path.display());
    path
}

/// The tester of the example `mutant`, right by default, with one fault per `--fault NAME`.
pub(crate) fn mutant() -> PathBuf {
    built("examples/mutant")
}
