//! What is wrong with a program: finds the problems in the records of a run, with their causes and their evidence. Pure,
//! and the same for every report.

pub mod cause;
pub mod context;
pub mod problem;
mod trace;
