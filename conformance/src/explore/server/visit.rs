//! The transitions of the model of a server, for the table of what was tried. Plain data.

use crate::explore::rules::Heard;

/// A transition of the model that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visit {
    /// What the server had heard of this client.
    pub heard: Heard,
    /// What happened.
    pub input: Input,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// More bytes.
    Bytes,
    /// Silence.
    Rest,
    /// Data of the test.
    Data,
    /// Silence until the timeout.
    Silence,
    /// A half-close.
    HalfClose,
    /// A close.
    Close,
    /// A reset.
    Reset,
    /// An interrupt of the server.
    Interrupt,
}

impl Input {
    /// Every input, in the order of a table's columns.
    pub const ALL: [Self; 8] = [
        Self::Bytes,
        Self::Rest,
        Self::Data,
        Self::Silence,
        Self::HalfClose,
        Self::Close,
        Self::Reset,
        Self::Interrupt,
    ];

    /// The head of its column.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bytes => "more bytes",
            Self::Rest => "a pause",
            Self::Data => "data",
            Self::Silence => "timeout",
            Self::HalfClose => "half-close",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Interrupt => "Ctrl-C",
        }
    }
}
