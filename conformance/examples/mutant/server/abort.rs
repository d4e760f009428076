//! Why a session ends early. Serves the session and the server's loop.

use crate::wire::Refusal;

/// The message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Request,
    Done,
}

/// Why a session ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    Silent,
    EndOfFile {
        step: Step,
        bytes: usize,
    },
    Reset,
    /// An answer could not be written: the client is gone.
    Unsendable,
    Refused(Refusal),
    NoTestPort,
}
