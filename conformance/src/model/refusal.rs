//! Why a command could not do its work: the exit code and one line. For every command.

use std::fmt::Display;
use std::io::Write;

use crate::model::exit::Exit;

/// The exit code of a command that could not do its work, and one line with the reason.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Exit, pub(crate) String);

impl Refusal {
    pub(crate) fn usage(reason: impl ToString) -> Self {
        Self(Exit::Usage, reason.to_string())
    }

    pub(crate) fn not_carried_out(reason: impl ToString) -> Self {
        Self(Exit::NotCarriedOut, reason.to_string())
    }

    pub(crate) fn nothing_selected(reason: impl ToString) -> Self {
        Self(Exit::NothingSelected, reason.to_string())
    }

    /// Writes the reason on standard error, and returns the exit code.
    pub(crate) fn report(self) -> Exit {
        write_line(format_args!("conformance: {}", self.1));
        self.0
    }
}

/// Writes one line on standard error. A failure to write changes neither the verdict nor the exit status.
pub(crate) fn write_line(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
