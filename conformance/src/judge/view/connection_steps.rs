//! The steps about connections: what is sent, what comes, what closes, and the announced port.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{View, broken, held};
use crate::judge::queue::{Queue, connections_ahead};
use crate::judge::{Assessment, Memory};
use crate::model::bytes::{Outgoing, Pattern};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::place::ADDRESS;
use crate::model::step::{Close, Destination};
use crate::model::tolerance::{GRACE, SEGMENT_SETTLES, SYN_SENT_AGAIN};
use crate::model::transcript::Event;

impl View<'_> {
    /// A send is done when the system has taken all bytes. A send that is impossible shows in the next steps.
    pub(super) fn sent(&self, outgoing: &Outgoing) -> Assessment {
        let name = self.judge.resolve(self.step.connection());
        let connection = self.connection(name);
        let taken = |event: &Event| match event {
            Event::Sent { on, length, .. } if on == name => *length,
            _ => 0,
        };
        let sent: usize = self.in_this_step().iter().map(|entry| taken(&entry.event)).sum();
        // Each segment may stay unread for a while before the next one follows.
        let settling = SEGMENT_SETTLES * u32::try_from(outgoing.segments.len()).unwrap_or(u32::MAX);
        let deadline = self.began + self.judge.tolerances.patience + settling;
        // An end-of-file closes only one direction: a target that has half-closed still gets all bytes.
        let never = connection.dead || connection.refused.is_some();
        // On a connection that is not open yet, the bytes are sent when it opens.
        if sent >= outgoing.length() || !connection.opened || never || self.now >= deadline {
            held()
        } else {
            Assessment::Pending(deadline)
        }
    }

    /// A step that ends a connection waits until it is open, or until the connect has failed.
    pub(super) fn established(&self) -> Assessment {
        let connection = self.connection(self.step.connection());
        let deadline = self.began + self.judge.tolerances.patience;
        if connection.opened || connection.refused.is_some() || self.now >= deadline {
            held()
        } else {
            Assessment::Pending(deadline)
        }
    }

    pub(super) fn accepted(&self, within: Duration, at: Option<Destination>) -> Assessment {
        let name = self.judge.resolve(self.step.connection());
        let opened = self.seen.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Opened { on, local, accepted: true, .. } if on == name => Some(local),
            _ => None,
        });
        if let Some(local) = opened {
            let address = local.parse::<SocketAddr>().map(|address| address.ip().to_canonical()).ok();
            let is_at = |wanted: IpAddr| address == Some(wanted);
            let (right, expected) = match at {
                None => return held(),
                Some(Destination::External) => (is_at(ADDRESS.into()), ADDRESS.to_string()),
                Some(Destination::Ipv6) => (is_at(Ipv6Addr::LOCALHOST.into()), "::1".to_owned()),
                // A machine's own address may be IPv4 or IPv6.
                Some(Destination::Loopback) => {
                    (address.is_some_and(|address| address.is_loopback()), "the loopback address".to_owned())
                }
            };
            return match right {
                true => held(),
                false => broken(Fault::WrongAddress { expected, actual: local.clone() }),
            };
        }
        if let Some((_, exit)) = self.seen.exit() {
            return broken(Fault::NotAccepted { waited: within, exit: Some(exit) });
        }
        self.by(self.began + within, || Fault::NotAccepted { waited: within, exit: None })
    }

    pub(super) fn expected(
        &self,
        pattern: &Pattern,
        not_before: Duration,
        within: Duration,
        alias: Option<&str>,
    ) -> Assessment {
        // Of several connections, the first with new bytes is taken.
        let name = match &self.step.on[..] {
            [only] => only,
            several => match several.iter().find(|name| {
                let connection = self.connection(name);
                !connection.unconsumed(self.consumed(name, &connection)).is_empty()
            }) {
                Some(first) => first,
                None => {
                    // Any of them may be served last.
                    let turns = several.iter().map(|name| self.turn(within, name));
                    let latest = turns.max_by_key(|turn| turn.ends(self.began));
                    let turn = latest.unwrap_or(Turn { from: None, waited: within });
                    return self.by(turn.ends(self.began), || Fault::BytesMissing {
                        expected: pattern.clone(),
                        actual: Vec::new(),
                        waited: turn.waited,
                    });
                }
            },
        };
        let connection = self.connection(name);
        let consumed = self.consumed(name, &connection);
        let actual = connection.unconsumed(consumed);
        let expected = pattern.clone();
        if let Some(offset) = first_mismatch(pattern, &actual) {
            return broken(Fault::WrongByte { expected, actual, offset });
        }
        if actual.len() > pattern.bytes.len() {
            return broken(Fault::SurplusBytes { expected, actual });
        }
        if let Some(first) = connection.arrival(consumed) {
            let after = first.saturating_sub(connection.anchor(first));
            if after + GRACE < not_before {
                return broken(Fault::BytesTooEarly { actual, after, not_before });
            }
        }
        if actual.len() == pattern.bytes.len() {
            if let Some(fault) = self.miscounted(pattern, &actual, connection.opening) {
                return broken(Fault::Data(fault));
            }
            // A client that sends its first message twice may use two writes. The second needs time to come, or it
            // would be taken for the next message.
            let settled = match (self.judge.case.role, consumed, connection.arrival(actual.len() - 1)) {
                (Role::Client, 0, Some(last)) => last + GRACE,
                _ => self.now,
            };
            if self.now < settled && connection.ended.is_none() {
                return Assessment::Pending(settled);
            }
            let resolved = self.judge.resolve(name).to_owned();
            return Assessment::Held(Memory {
                alias: alias.map(|alias| (alias.to_owned(), resolved.clone())),
                consumed: Some((resolved, connection.opening, consumed + actual.len())),
                port: pattern.port(&actual),
                resources: None,
            });
        }
        if let Some((_, by)) = connection.ended {
            return broken(Fault::EndedBeforeBytes { expected, actual, by });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let turn = self.turn(within, name);
        let deadline = turn.ends(connection.anchor(self.now).max(self.began));
        self.by(deadline, || Fault::BytesMissing { expected, actual, waited: turn.waited })
    }

    /// How long an answer may take on this connection: `within`, and the patience for each client ahead of it. Until
    /// the connection is open, its SYN may have met a full backlog, and is sent again later.
    fn turn(&self, within: Duration, name: &str) -> Turn {
        if self.judge.case.role != Role::Server {
            return Turn { from: None, waited: within };
        }
        // The connections of the step itself do not count: one of them is the first to be served.
        let of_step: Vec<&str> = self.step.on.iter().map(|name| self.judge.resolve(name)).collect();
        let Queue { ahead, since } = connections_ahead(self.seen, self.judge.resolve(name));
        let ahead = ahead.iter().filter(|name| !of_step.contains(name)).count();
        if ahead == 0 {
            return Turn { from: since, waited: within };
        }
        let sent_again = if self.connection(name).opened { Duration::ZERO } else { SYN_SENT_AGAIN };
        let others = self.judge.tolerances.patience * u32::try_from(ahead).unwrap_or(u32::MAX);
        Turn { from: since, waited: within + sent_again + others }
    }

    pub(super) fn closed(&self, close: Close) -> Assessment {
        let name = self.step.connection();
        let connection = self.connection(name);
        let actual = connection.unconsumed(self.consumed(name, &connection));
        if !actual.is_empty() {
            return broken(Fault::BytesBeforeClose { actual });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let Some((at, by)) = connection.ended else {
            let (turn, from) = match close {
                Close::Within(within) => {
                    (self.turn(within, name), connection.anchor(self.now).max(self.began))
                }
                Close::At { due, late, .. } => {
                    (self.turn(due + late, name), connection.late_anchor(self.now))
                }
            };
            return self.by(turn.ends(from), || Fault::StillOpen { waited: turn.waited });
        };
        let Close::At { due, early, late } = close else { return held() };
        let (after, not_before) = (at.saturating_sub(connection.anchor(at)), due.saturating_sub(early));
        if after + GRACE < not_before {
            return broken(Fault::ClosedTooEarly { after, not_before, by });
        }
        let turn = self.turn(due + late, name);
        if at > turn.ends(connection.late_anchor(at)) {
            return broken(Fault::StillOpen { waited: turn.waited });
        }
        held()
    }

    pub(super) fn silent(&self, duration: Duration) -> Assessment {
        let name = self.step.connection();
        let connection = self.connection(name);
        let actual = connection.unconsumed(self.consumed(name, &connection));
        if !actual.is_empty() {
            return broken(Fault::BytesInSilence { actual });
        }
        if let Some((at, by)) = connection.ended {
            let anchor = connection.anchor(at);
            let after = at.saturating_sub(anchor);
            let not_before = (self.began + duration).saturating_sub(anchor);
            return broken(Fault::ClosedInSilence { by, after, not_before });
        }
        if let Some(error) = connection.refused {
            return broken(Fault::NotConnected { error: error.to_owned() });
        }
        let end = self.began + duration;
        if self.now < end { Assessment::Pending(end) } else { held() }
    }

    pub(super) fn unconnected(&self) -> Assessment {
        let accepted = |event: &Event| matches!(event, Event::Opened { accepted: true, .. });
        match self.seen.entries.iter().any(|entry| accepted(&entry.event)) {
            true => broken(Fault::Connected),
            false => held(),
        }
    }

    pub(super) fn announced(&self) -> Assessment {
        let Some(announced) = self.judge.port else { return broken(Fault::NoPort) };
        if announced == 0 {
            return broken(Fault::PortZero);
        }
        let probed = self.seen.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Ports { announced_open, swapped_open } => Some((announced_open, swapped_open)),
            _ => None,
        });
        match probed {
            Some((false, true)) => broken(Fault::PortSwapped { announced, open: announced.swap_bytes() }),
            _ => held(),
        }
    }
}

/// The index of the first byte that does not match the pattern.
fn first_mismatch(pattern: &Pattern, actual: &[u8]) -> Option<usize> {
    pattern.bytes.iter().zip(actual).position(|(expected, byte)| !expected.admits(*byte))
}

/// The time for a client's answer.
#[derive(Clone, Copy)]
struct Turn {
    /// When the last connection ahead of it ended, if there was one.
    from: Option<Duration>,
    /// How long the connections still ahead, and the client itself, may take.
    waited: Duration,
}

impl Turn {
    /// The deadline of a wait that began at `began`.
    fn ends(self, began: Duration) -> Duration {
        self.from.map_or(began, |from| from.max(began)) + self.waited
    }
}
