//! Which variants are on. Every other module asks where the variant belongs.

use std::sync::OnceLock;

/// The table of variants, as `--list-variants` prints it.
pub(crate) const TABLE: &str = include_str!("variants.toml");

static CHOSEN: OnceLock<Vec<String>> = OnceLock::new();

/// Whether this variant is on.
pub(crate) fn on(name: &str) -> bool {
    CHOSEN.get().is_some_and(|chosen| chosen.iter().any(|one| one == name))
}

/// All variants that are on, for a child process.
pub(crate) fn chosen() -> &'static [String] {
    CHOSEN.get().map_or(&[], Vec::as_slice)
}

/// Switches these variants on. Refuses an unknown name, with the reason.
pub(crate) fn choose(names: Vec<String>) -> Result<(), String> {
    // The table is not parsed, to save time: thousands of testers are started.
    for name in &names {
        if !TABLE.lines().any(|line| line == format!("name = \"{name}\"")) {
            return Err(format!("unknown variant '{name}'; --list-variants prints the known ones"));
        }
    }
    CHOSEN.set(names).map_err(|_| "the variants were chosen twice".to_owned())
}
