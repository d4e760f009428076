//! Why a session, or the program, ended early. Serves client and server.

use std::{fmt, io};

use crate::variants::on;

/// The reason.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Ctrl-C, or a request to terminate.
    Interrupted,
    /// The other side closed while a message was due.
    EndOfFile,
    /// The other side was silent for the control timeout.
    Silent,
    /// The connection broke.
    Broken(io::Error),
    /// An invalid message, or not the one that was due.
    Bad(&'static str),
    /// The target's name or address cannot be reached.
    Unreachable(String),
    /// The system refused something that the program needs.
    System(io::Error),
}

impl Ended {
    /// The exit status: one of sysexits.h, or 1 for all.
    pub(crate) fn status(&self) -> u8 {
        if !on("errors-64-to-78") {
            return 1;
        }
        match self {
            Self::Interrupted => 130,
            Self::EndOfFile | Self::Silent | Self::Broken(_) => 74,
            Self::Bad(_) => 76,
            Self::Unreachable(_) => 68,
            Self::System(_) => 71,
        }
    }

    /// The exception's name.
    pub(crate) fn as_in_python(&self) -> &'static str {
        match self {
            Self::EndOfFile => "EOFError",
            Self::Broken(_) => "ConnectionResetError",
            Self::Bad(_) => "ValueError",
            Self::Unreachable(_) => "ConnectionRefusedError",
            _ => "OSError",
        }
    }

    /// The exception's name, as `System.err.println(exception)` prints it.
    pub(crate) fn as_in_java(&self) -> &'static str {
        match self {
            Self::EndOfFile => "java.io.EOFException",
            Self::Bad(_) => "java.net.ProtocolException",
            Self::Unreachable(_) => "java.net.ConnectException",
            _ => "java.net.SocketException",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::EndOfFile => f.write_str("the other side closed the connection too early"),
            Self::Silent => f.write_str("the other side was silent for too long"),
            Self::Broken(error) => write!(f, "the connection is broken: {error}"),
            Self::Bad(what) => write!(f, "the other side sent a bad message: {what}"),
            Self::Unreachable(reason) => f.write_str(reason),
            Self::System(error) => write!(f, "the system refused: {error}"),
        }
    }
}
