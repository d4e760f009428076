//! The suite: every test of the runner that can run beside others, in one program, because linking costs more than
//! compiling. One folder for each way in which a user meets the runner, and what several of them need in `support`.
//!
//! libtest begins with the tests in the order of their names. `trust` has the gradings that need the whole machine, and
//! takes its turns under one lock: its name stands behind those of the others, so that a thread that waits for its turn
//! keeps nobody else from beginning.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

mod command_line;
mod grading;
mod project;
mod reading;
mod reports;
mod support;
mod trust;
