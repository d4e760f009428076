//! Whole sessions of real processes over real sockets, each server on a free port of its own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

mod client;
mod data;
mod interrupts;
mod report;
mod server;
mod support;
