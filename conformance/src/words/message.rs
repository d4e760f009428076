//! Which message of the protocol a pattern of bytes stands for.

use tester::protocol::message::{Done, Message, MessageType, Reply, Request, Results};

use crate::model::bytes::{Expected, Pattern};

/// The message that a pattern stands for, by its type byte, or by its length where any header will do.
pub(crate) fn due(expected: &Pattern) -> Option<MessageType> {
    due_after(expected, 0).map(|(kind, _)| kind)
}

/// The message of a pattern that is due behind its first `got` bytes, and where it begins: a pattern may hold
/// several.
pub(crate) fn due_after(expected: &Pattern, got: usize) -> Option<(MessageType, usize)> {
    let mut offset = 0;
    loop {
        let kind = match expected.bytes.get(offset + 1)? {
            Expected::Exactly(kind) => MessageType::of(*kind)?,
            _ if expected.bytes.len() == Request::SIZE => MessageType::Request,
            _ => return None,
        };
        if got < offset + size(kind) || offset + size(kind) >= expected.bytes.len() {
            return Some((kind, offset));
        }
        offset += size(kind);
    }
}

/// The length of a message in bytes.
pub(crate) fn size(kind: MessageType) -> usize {
    match kind {
        MessageType::Request => Request::SIZE,
        MessageType::Reply => Reply::SIZE,
        MessageType::Done => Done::SIZE,
        MessageType::Results => Results::SIZE,
    }
}
