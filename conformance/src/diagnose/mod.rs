//! What is wrong with a program: the records of a run go in, problems with their causes and their evidence come out.
//! Pure, and the same for every report.

pub mod cause;
pub mod context;
pub mod problem;
mod trace;
