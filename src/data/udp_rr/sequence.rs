//! Which round trip a reply belongs to. The documents leave the byte's value open, so the client puts a sequence into it.
//! That works for servers that echo the byte. Others answer with a byte of their own, which says nothing: there the client
//! takes a new port after each loss, and a late reply goes to the old one (spec/ambiguities.md, "The byte of the
//! round-trip tests").

/// The sequence has all 256 bytes, in an order that a server's own counter cannot have: a linear congruential generator of
/// full period.
const FACTOR: u8 = 141;
const STEP: u8 = 3;

/// So many lost bytes may be out of use. After the next loss the client takes a new port, and all bytes are free again.
const MOST_BURNT: usize = 128;

/// The bytes of a test's datagrams.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    /// The byte of the datagram that is under way.
    current: u8,
    server: Server,
    /// Bytes of datagrams that were given up: not used again on this port, since their replies may come yet.
    burnt: [bool; 256],
    burnt_count: usize,
}

/// What is known about the server's byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// Nothing yet.
    Unknown,
    /// One match may be chance, two with different bytes are not.
    MatchedOnce,
    Echoes,
    HasItsOwn,
}

/// Whose a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It answers the datagram that is under way.
    Due,
    /// It answers an earlier one.
    Late,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { current: 0, server: Server::Unknown, burnt: [false; 256], burnt_count: 0 }
    }
}

impl Sequence {
    /// The byte for the next datagram.
    pub(super) fn next(&mut self) -> u8 {
        loop {
            self.current = self.current.wrapping_mul(FACTOR).wrapping_add(STEP);
            if !self.burnt[usize::from(self.current)] {
                return self.current;
            }
        }
    }

    /// Whose this reply is.
    pub(super) fn judge(&mut self, reply: u8) -> Judgement {
        match (self.server, reply == self.current) {
            (Server::Echoes, false) => return Judgement::Late,
            (Server::Unknown, true) => self.server = Server::MatchedOnce,
            (Server::MatchedOnce, true) => self.server = Server::Echoes,
            (Server::Unknown | Server::MatchedOnce, false) => self.server = Server::HasItsOwn,
            (Server::Echoes, true) | (Server::HasItsOwn, _) => {}
        }
        Judgement::Due
    }

    /// The datagram under way is given up. Returns whether the next one needs a new port, because its byte alone does not
    /// separate its reply from a late one.
    #[must_use]
    pub(super) fn lost(&mut self) -> bool {
        if self.server == Server::Echoes && self.burnt_count < MOST_BURNT {
            self.burnt[usize::from(self.current)] = true;
            self.burnt_count += 1;
            return false;
        }
        self.burnt = [false; 256];
        self.burnt_count = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A sequence whose server has echoed twice.
    fn echoed() -> Sequence {
        let mut sequence = Sequence::default();
        for _ in 0..2 {
            let byte = sequence.next();
            assert_eq!(sequence.judge(byte), Judgement::Due);
        }
        sequence
    }

    #[test]
    fn all_bytes_are_used() {
        let mut sequence = Sequence::default();
        let bytes: HashSet<u8> = (0..256).map(|_| sequence.next()).collect();
        assert_eq!(bytes.len(), 256);
    }

    #[test]
    fn a_late_echo_is_not_the_next_ones() {
        let mut sequence = echoed();
        let late = sequence.next();
        assert!(!sequence.lost());
        for _ in 0..600 {
            let byte = sequence.next();
            assert_ne!(byte, late, "used again while its reply may come");
            assert_eq!(sequence.judge(late), Judgement::Late);
            assert_eq!(sequence.judge(byte), Judgement::Due);
        }
    }

    #[test]
    fn a_server_with_a_byte_of_its_own_costs_a_port_for_each_loss() {
        let mut sequence = Sequence::default();
        for _ in 0..300 {
            sequence.next();
            assert_eq!(sequence.judge(7), Judgement::Due);
        }
        sequence.next();
        assert!(sequence.lost());
    }

    #[test]
    fn a_server_that_counts_is_not_taken_for_an_echo() {
        for first in 0..=255_u8 {
            let mut sequence = Sequence::default();
            for step in 0..=255 {
                sequence.next();
                assert_eq!(sequence.judge(first.wrapping_add(step)), Judgement::Due);
            }
            assert!(sequence.lost(), "taken for an echo when counting from {first}");
        }
    }

    #[test]
    fn before_anything_is_known_a_loss_costs_the_port() {
        let mut sequence = Sequence::default();
        sequence.next();
        assert!(sequence.lost());
        let byte = sequence.next();
        sequence.judge(byte);
        sequence.next();
        assert!(sequence.lost());
    }

    #[test]
    fn many_losses_are_forgotten_with_the_port() {
        let mut sequence = echoed();
        let fresh = (0..1000).filter(|_| (sequence.next(), sequence.lost()).1).count();
        assert_eq!(fresh, 1000 / (MOST_BURNT + 1));
    }
}
