//! The exit codes of the runner.

use std::process::ExitCode;

/// How `conformance` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every requirement at or above `--fail-on` holds.
    Holds = 0,
    /// One does not.
    DoesNotHold = 1,
    /// The command line, a fixture or another input is wrong.
    Usage = 2,
    /// The run, or a part of it, could not be carried out.
    NotCarriedOut = 3,
    /// No case was selected.
    NothingSelected = 4,
    /// Interrupted; the reports were written for what was finished.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
