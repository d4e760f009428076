//! The suite: all tests of the runner that can run at the same time, in one program, because linking costs more than
//! compiling. There is one folder for each use of the runner. `support` holds what several of them need.
//!
//! libtest begins with the tests in the order of their names. `trust` has the gradings that need the whole machine, and
//! takes turns under one lock. Its name comes after those of the others, so that a thread that waits for its turn does
//! not block other tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

mod command_line;
mod exploring;
mod grading;
mod project;
mod reading;
mod reports;
mod support;
mod trust;
