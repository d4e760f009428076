//! The parts of a byte table: the fields of a message, and the number that says which message it is. The messages use
//! them, and so does a fault that names a wrong byte.

use std::fmt;

/// Byte 1 of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageType {
    /// TEST_REQUEST
    Request = 1,
    /// TEST_REPLY
    Reply = 2,
    /// TEST_DONE
    Done = 3,
    /// TEST_RESULTS
    Results = 4,
}

/// One field of a message as it lies on the wire: the row of a byte table (spec/protocol.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Where the field begins, in bytes from the start of the message.
    pub offset: usize,
    /// How many bytes it takes; big-endian where that is more than one.
    pub size: usize,
    /// What it is called.
    pub name: &'static str,
    /// The lowest value that a receiver takes.
    pub min: u64,
    /// The highest value that a receiver takes.
    pub max: u64,
}

impl MessageType {
    /// The type that goes by this number, if there is one.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        [Self::Request, Self::Reply, Self::Done, Self::Results].into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
