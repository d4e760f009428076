//! Findings in words for the one who has to mend them: what is wrong byte by byte, what probably causes it,
//! and what a requirement asks for. For the reports and for `conformance explain`.

pub mod annotate;
pub mod cause;
pub mod dialogue;
pub mod problem;
pub mod requirement;
#[cfg(test)]
pub(crate) mod sample;
mod scene;
mod steps;
mod trace;

pub use scene::role_of;
pub use steps::expectation;
