//! The command line, and one file for each subcommand.

pub mod cli;
pub mod diff;
pub mod explain;
pub mod merge;
pub mod replay;
pub mod reproduce;
pub mod vectors;
