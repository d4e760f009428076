//! From bytes in slices of any length to whole messages. TCP keeps the order of bytes and nothing else: a message may
//! come in pieces, or together with the next one (S, the slides on `recv`).

use super::fault::Fault;
use super::message::Message;

/// Bytes that have come and have not been taken yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Framing {
    pending: Vec<u8>,
}

impl Framing {
    /// Adds what one read returned.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The bytes that wait for the rest of their message.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Takes the message that is due, or nothing while it is incomplete.
    ///
    /// # Errors
    /// The fault of the first wrong byte, as soon as that byte is there: a wrong version is refused without the rest of
    /// its message. The bytes stay where they are.
    pub fn take<M: Message>(&mut self) -> Result<Option<M>, Fault> {
        match M::decode_first(&self.pending) {
            Ok(message) => {
                self.pending.drain(..M::SIZE);
                Ok(Some(message))
            }
            Err(Fault::Truncated { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
