//! Which faults are on. Every other module asks at the line where the mistake belongs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The table of faults, as `--list-faults` prints it.
pub(crate) const TABLE: &str = include_str!("faults.toml");

/// The kill matrix uses one fault at a time. Tests of a report with several problems use several.
static CHOSEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether this fault is on.
pub(crate) fn fault(name: &str) -> bool {
    chosen().iter().any(|chosen| chosen == name)
}

/// Switches a fault on. Refuses an unknown name, with the reason.
pub(crate) fn choose(name: &str) -> Result<(), String> {
    // The table is not parsed, to save time: thousands of mutants are started.
    if !TABLE.lines().any(|line| line == format!("name = \"{name}\"")) {
        return Err(format!("unknown fault '{name}'; --list-faults prints the known ones"));
    }
    chosen().push(name.to_owned());
    Ok(())
}

fn chosen() -> MutexGuard<'static, Vec<String>> {
    CHOSEN.lock().unwrap_or_else(PoisonError::into_inner)
}
