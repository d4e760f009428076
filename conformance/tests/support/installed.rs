//! The programs that a test uses where the machine has them.

use std::env;

/// Whether a program is there. A test that does not run for want of it says so: `cargo test -- --nocapture` shows it, and
/// `.ci/run` installs all that is asked for.
pub(crate) fn there_is(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("SKIPPED: no {program} on this machine");
    }
    found
}
