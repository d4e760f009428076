//! Conformance runner.
#![warn(missing_docs)]
pub mod fixture;
pub mod isolate;
pub mod netstat;
pub mod spec;
mod sys;
pub mod target;
pub mod tolerance;
pub mod transcript;
pub mod verdict;
