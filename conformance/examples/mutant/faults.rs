//! Which faults are switched on. It serves every other module: they ask at the line where the mistake belongs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The table of faults, as `--list-faults` prints it.
pub(crate) const TABLE: &str = include_str!("faults.toml");

/// The kill matrix makes one at a time; a report that has several things to fix is tried with several.
static CHOSEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether the mistake of this name is to be made.
pub(crate) fn fault(name: &str) -> bool {
    chosen().iter().any(|chosen| chosen == name)
}

/// Switches a fault on for the rest of the process; an unknown name is refused with the reason.
pub(crate) fn choose(name: &str) -> Result<(), String> {
    // The table is not parsed for it: thousands of mutants are started in a row.
    if !TABLE.lines().any(|line| line == format!("name = \"{name}\"")) {
        return Err(format!("unknown fault '{name}'; --list-faults prints the known ones"));
    }
    chosen().push(name.to_owned());
    Ok(())
}

fn chosen() -> MutexGuard<'static, Vec<String>> {
    CHOSEN.lock().unwrap_or_else(PoisonError::into_inner)
}
