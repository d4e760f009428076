//! The two state machines of one test, server and client: what happened goes in, what to do comes out.
//!
//! They have no socket and no clock, so a test can try every order of events. `crate::control` gives them the events and
//! does what they say. After an action that closes the connection they return no more actions, whatever happens.

mod client;
mod server;

use std::fmt;
use std::io;

use super::message::MessageType;

pub use client::{ClientAction, ClientEvent, ClientFailure, ClientFinish, ClientSession};
pub use server::{ServerAction, ServerClose, ServerEvent, ServerSession};

/// How a connection ended from the other side: both are a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed in an orderly way; what it sent before has been read.
    EndOfFile,
    /// The connection broke, by a reset for instance.
    Broken(io::ErrorKind),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfFile => f.write_str("closed the connection"),
            Self::Broken(kind) => write!(f, "broke the connection ({kind})"),
        }
    }
}

fn left(who: &str, how: Ending, due: MessageType, got: usize) -> String {
    match got {
        0 => format!("{who} {how} before {due}"),
        _ => format!("{who} {how} within {due}, after {got} of its bytes"),
    }
}
