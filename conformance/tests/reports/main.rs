//! The reports as their readers meet them: each format from one hand-written run, with what a hostile
//! target can put into it, through the public parser of its kind, and from the real runner.
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod commands;
mod formats;
mod gradebook;
mod hostile;
mod packets;
mod real_runs;
mod same_problems;
mod schema;
mod support;
