//! Which message of the protocol a pattern of bytes is.

use tester::protocol::message::{Done, Message, MessageType, Reply, Request, Results};

use crate::model::bytes::{Expected, Pattern};

/// The first message of a pattern, found by its type byte. A pattern of 3 bytes with any type is a Request.
pub(crate) fn due(expected: &Pattern) -> Option<MessageType> {
    due_after(expected, 0).map(|(kind, _)| kind)
}

/// The message of a pattern that is due after its first `got` bytes, and where it begins. A pattern may have several
/// messages.
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
