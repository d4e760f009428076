//! What can be wrong with a peer's bytes, named so that a person who implements the other side can fix it.

use std::fmt;

use super::field::{Field, MessageType};

/// Why bytes are not the message that is due.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value that no message may carry in this place.
    #[error("{} of {message} ({}) {} {}, allowed: {}", place(field), field.name, verb(field), hex(*value, field), allowed(field))]
    NotAllowed {
        /// The message that was due.
        message: MessageType,
        /// The field, with its place and the values that would have been taken.
        field: &'static Field,
        /// The value that came.
        value: u64,
    },
    /// A message of the protocol, but not the one that is due (byte 1 says which it is).
    #[error("{got} came where {due} was due (byte 1 is {:#04x}, allowed: {:#04x})", *got as u8, *due as u8)]
    NotDue {
        /// The message that was due.
        due: MessageType,
        /// The message that came.
        got: MessageType,
    },
    /// The bytes end within the message.
    #[error("{message} is cut short: {got} of {size} bytes")]
    Truncated {
        /// The message that was due.
        message: MessageType,
        /// The bytes that came.
        got: usize,
        /// The bytes that it has.
        size: usize,
    },
    /// More bytes than the message has.
    #[error("too many bytes after {message}: {extra}, beginning with {first:#04x}")]
    Trailing {
        /// The message that was due.
        message: MessageType,
        /// How many bytes are too many.
        extra: usize,
        /// The first of them.
        first: u8,
    },
}

impl Fault {
    /// The fault of the field that holds the byte at `offset`. `fields` are those of the message: at least one.
    pub(super) fn within(
        message: MessageType,
        fields: &'static [Field],
        bytes: &[u8],
        offset: usize,
    ) -> Self {
        let last = fields.len() - 1;
        let field = fields.iter().find(|f| offset < f.offset + f.size).unwrap_or(&fields[last]);
        let value = bytes
            .iter()
            .skip(field.offset)
            .take(field.size)
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        match u8::try_from(value).ok().and_then(MessageType::of) {
            Some(got) if field.offset == 1 => Self::NotDue { due: message, got },
            _ => Self::NotAllowed { message, field, value },
        }
    }
}

fn place(field: &Field) -> String {
    match field.size {
        1 => format!("byte {}", field.offset),
        size => format!("bytes {} to {}", field.offset, field.offset + size - 1),
    }
}

fn verb(field: &Field) -> &'static str {
    if field.size == 1 { "is" } else { "are" }
}

fn allowed(field: &Field) -> impl fmt::Display {
    let (min, max) = (hex(field.min, field), hex(field.max, field));
    if min == max { min } else { format!("{min}..={max}") }
}

fn hex(value: u64, field: &Field) -> String {
    format!("0x{value:00$x}", 2 * field.size)
}
