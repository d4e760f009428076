//! Which fault is switched on. It serves every other module: they ask at the line where the mistake belongs.

use std::sync::OnceLock;

/// The table of faults, as `--list-faults` prints it.
pub(crate) const TABLE: &str = include_str!("faults.toml");

static CHOSEN: OnceLock<String> = OnceLock::new();

/// Whether the mistake of this name is to be made.
pub(crate) fn fault(name: &str) -> bool {
    CHOSEN.get().is_some_and(|chosen| chosen == name)
}

/// Switches one fault on for the rest of the process; an unknown name is refused with the reason.
pub(crate) fn choose(name: &str) -> Result<(), String> {
    // The table is not parsed for it: thousands of mutants are started in a row.
    if !TABLE.lines().any(|line| line == format!("name = \"{name}\"")) {
        return Err(format!("unknown fault '{name}'; --list-faults prints the known ones"));
    }
    CHOSEN.set(name.to_owned()).map_err(|_| "--fault was given twice".to_owned())
}
