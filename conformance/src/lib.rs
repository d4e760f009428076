//! Conformance runner.
#![warn(missing_docs)]
pub mod fixture;
pub mod spec;
pub mod tolerance;
pub mod transcript;
pub mod verdict;
