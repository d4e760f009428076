//! The programs that are right testers: the reference, the legal one, and the two independent peers of `tests/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::built::built;
use super::installed::there_is;
use super::paths::in_crate;
use super::runner::RUNNER;

/// The tester of the example `legal`, with one variant per `--variant NAME`.
pub(crate) fn legal() -> PathBuf {
    built("examples/legal")
}

/// The shell command for the reference: the runner's own program under another name.
pub(crate) fn reference() -> String {
    format!("exec -a tester '{RUNNER}'")
}

/// A right tester that shares nothing with ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Python,
    C,
}

impl Peer {
    /// The program. The one in C is built into this folder. `None` if its language is missing.
    pub(crate) fn program(self, folder: &Path) -> Option<PathBuf> {
        match self {
            Self::Python => there_is("python3").then(|| in_crate("tests/peers/tester.py")),
            Self::C => there_is("cc").then(|| {
                let program = folder.join("tester");
                let mut cc = Command::new("cc");
                cc.args(["-std=c11", "-O1", "-pthread", "-o"]).arg(&program);
                let built = cc.arg(in_crate("tests/peers/tester.c")).output().unwrap();
                assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
                program
            }),
        }
    }
}
