//! What is wrong with a program: finds the problems in the records of a run, with their causes and their evidence. Pure,
//! and the same for every report.
//!
//! `cause/` looks at one failure, `whole_run.rs` at all cases together, `problem.rs` makes problems of what they found.

pub mod cause;
pub mod context;
mod cover;
pub mod problem;
mod seen;
mod trace;
mod whole_run;
