//! Why a command ends without having done what it was called for: its exit code and its one line. For every command.

use std::fmt::Display;
use std::io::Write;

use crate::model::exit::Exit;

/// Why there is no verdict: the exit code and the one line that says it.
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

    /// Says it, and how to end.
    pub(crate) fn tell(self) -> Exit {
        diagnose(format_args!("conformance: {}", self.1));
        self.0
    }
}

/// Writes one line on standard error. That nobody can be told changes neither the verdict nor the exit status.
pub(crate) fn diagnose(line: impl Display) {
    let _untold = writeln!(anstream::stderr(), "{line}");
}
