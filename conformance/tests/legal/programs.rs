//! The programs that play: the legal tester, the reference, and the two independent peers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tests that need the whole machine take turns.
static MACHINE: Mutex<()> = Mutex::new(());

/// Waits for one's turn, which lasts as long as this is held.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The example of this package, which `cargo test` builds beside the runner.
pub(crate) fn legal() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_conformance")).with_file_name("examples").join("legal");
    assert!(
        path.exists(),
        "{} is missing: cargo build -p conformance --example legal makes it",
        path.display()
    );
    path
}

/// The words of a shell that become the reference: the runner's own program under another name.
pub(crate) fn reference() -> String {
    format!("exec -a tester '{}'", env!("CARGO_BIN_EXE_conformance"))
}

/// The words of a shell for each peer whose language is there; the C one is built into this folder.
pub(crate) fn peers(folder: &Path) -> Vec<(&'static str, String)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let mut peers = Vec::new();
    if there_is("python3") {
        peers.push(("tester.py", format!("exec python3 '{}'", sources.join("tester.py").display())));
    }
    if there_is("cc") {
        let program = folder.join("tester");
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-O1", "-pthread", "-o"]).arg(&program).arg(sources.join("tester.c"));
        let built = cc.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        peers.push(("tester.c", format!("exec '{}'", program.display())));
    }
    peers
}

pub(crate) fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: no {program} on this machine");
    }
    found
}
