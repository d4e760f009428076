//! Why a verdict can be trusted: mutants fail what they break, and right testers fail nothing, even unusual ones. For
//! changes to the runner or its conversations.
//!
//! Most of these gradings need the whole machine, and take turns (`support/machine.rs`). The head of `main.rs` explains
//! the name of this folder.

mod legal;
mod measurement;
mod mutants;
mod peers;

/// If this variable is `full`, every wrong tester plays every case; otherwise what it breaks, and at most a share of
/// the rest.
const EXTENT: &str = "KILL_MATRIX";

fn is_full() -> bool {
    std::env::var(EXTENT).is_ok_and(|extent| extent == "full")
}
