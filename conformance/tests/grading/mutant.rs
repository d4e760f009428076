//! The tester of the example `mutant`, right by default, with one fault per `--fault NAME`.

use std::path::{Path, PathBuf};

/// The example of this package, which `cargo test` builds beside the runner.
pub(crate) fn mutant() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_conformance")).with_file_name("examples").join("mutant");
    assert!(
        path.exists(),
        "{} is missing: cargo build -p conformance --example mutant makes it",
        path.display()
    );
    path
}
