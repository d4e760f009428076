//! The plain data of all rooms: requirements, cases and their steps, transcripts, faults, outcomes. It imports no other
//! room.

pub mod bytes;
pub mod case;
pub mod case_pattern;
pub mod cause;
pub mod data;
pub mod data_fault;
pub mod event;
pub mod exit;
pub mod explored;
pub mod fault;
pub mod known;
pub mod lateness;
pub mod notation;
pub mod outcome;
pub mod place;
pub mod plan;
pub mod problem;
pub mod refusal;
pub mod requirement;
pub mod run_report;
#[cfg(test)]
pub(crate) mod sample;
pub mod standing;
pub mod step;
pub mod tolerance;
pub mod transcript;
