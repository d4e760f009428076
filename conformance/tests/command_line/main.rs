//! The runner as a person meets it: what each bad input gets, what it lists, what a run leaves and how it exits.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

mod exits;
mod interrupts;
mod lists;
mod networks;
mod progress;
mod refusals;
mod support;
