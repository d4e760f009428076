//! The programs that a test uses if the machine has them.

use std::env;

/// Whether a program is installed. If not, the test prints that it does not run: `cargo test -- --nocapture` shows it.
/// `.ci/run` installs all of them.
pub(crate) fn there_is(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("SKIPPED: no {program} on this machine");
    }
    found
}
