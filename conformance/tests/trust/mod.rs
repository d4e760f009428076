//! Why a verdict can be trusted: mutants fail what they break, and right testers fail nothing, however odd they are. It is
//! for whoever changes the runner or its conversations.
//!
//! Most of these gradings need the whole machine, and take turns (`support/machine.rs`). The head of `main.rs` says what
//! the name of this folder is for.

mod kill_matrix;
mod legal;
mod measurement;
mod peers;

/// Set to `full`, every wrong tester is played everything; otherwise what it breaks, and a share of the rest or nothing.
const EXTENT: &str = "KILL_MATRIX";

fn is_full() -> bool {
    std::env::var(EXTENT).is_ok_and(|extent| extent == "full")
}
