//! Which variants are switched on. It serves every other module: they ask where the variant has its place.

use std::sync::OnceLock;

/// The table of variants, as `--list-variants` prints it.
pub(crate) const TABLE: &str = include_str!("variants.toml");

static CHOSEN: OnceLock<Vec<String>> = OnceLock::new();

/// Whether this variant is switched on.
pub(crate) fn on(name: &str) -> bool {
    CHOSEN.get().is_some_and(|chosen| chosen.iter().any(|one| one == name))
}

/// All that are switched on, for a child process.
pub(crate) fn chosen() -> &'static [String] {
    CHOSEN.get().map_or(&[], Vec::as_slice)
}

/// Switches these on for the rest of the process; an unknown name is refused with the reason.
pub(crate) fn choose(names: Vec<String>) -> Result<(), String> {
    // The table is not parsed for it: thousands of testers are started in a row.
    for name in &names {
        if !TABLE.lines().any(|line| line == format!("name = \"{name}\"")) {
            return Err(format!("unknown variant '{name}'; --list-variants prints the known ones"));
        }
    }
    CHOSEN.set(names).map_err(|_| "the variants were chosen twice".to_owned())
}
