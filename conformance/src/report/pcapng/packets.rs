//! A transcript as packets: the handshake of each connection, what each side sent, and how it ended. What has no packet
//! of its own (a signal, an exit, a count of test data) is a note on the next one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::flow::{Flow, Segment, Side};
use crate::model::outcome::CaseRecord;
use crate::model::transcript::{EndedBy, Entry, Event, REFUSED};
use crate::words::ladder::{self, LadderWriter};

/// The runner's port if it is not known: the first of the dynamic ports (RFC 6335, section 6).
const UNKNOWN_PORT: u16 = 49_152;

/// A packet of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Since the case began.
    pub(super) at: Duration,
    /// The index of the transcript's entry that it comes from.
    pub(super) entry: usize,
    /// The TCP segment.
    pub(super) segment: Segment,
    /// Its comments.
    pub(super) notes: Vec<String>,
}

/// Every packet of a case's conversation, in the order of their times.
pub(super) fn packets(case: &CaseRecord) -> Vec<Packet> {
    let entries = &case.transcript.entries;
    let mut builder = PacketBuilder { entries, flows: BTreeMap::new(), earlier: 0, notes: Vec::new() };
    let mut writer = LadderWriter::of(case);
    let mut packets: Vec<Packet> = Vec::new();
    for (index, entry) in entries.iter().enumerate().take_while(|(_, entry)| entry.event != Event::Finished) {
        let event = writer.event(entry);
        if matches!(entry.event, Event::Signalled { .. } | Event::Exited(_) | Event::Data(_)) {
            let words = event.map(|event| ladder::line(&event, usize::MAX).to_string());
            builder.notes.extend(words.map(|words| words.trim_start().to_owned()));
        }
        for segment in builder.segments(index, &entry.event) {
            let notes = std::mem::take(&mut builder.notes);
            packets.push(Packet { at: entry.at, entry: index, segment, notes });
        }
    }
    if let Some(last) = packets.last_mut() {
        last.notes.append(&mut builder.notes);
    }
    packets
}

/// Makes the segments of each event.
struct PacketBuilder<'a> {
    entries: &'a [Entry],
    flows: BTreeMap<&'a str, Flow>,
    /// How many connections came before.
    earlier: u32,
    /// For the next packet.
    notes: Vec<String>,
}

impl<'a> PacketBuilder<'a> {
    fn segments(&mut self, index: usize, event: &'a Event) -> Vec<Segment> {
        match event {
            Event::Connecting { on, to } => self.begin(index, on, to),
            Event::Opened { on, accepted: false, .. } => self.with(on, |flow| flow.established(Side::Runner)),
            Event::Opened { on, local, peer, accepted: true } => {
                let (Ok(local), Ok(peer)) = (local.parse(), peer.parse()) else { return Vec::new() };
                let mut flow = Flow::new(local, peer, self.earlier);
                self.earlier = self.earlier.wrapping_add(1);
                let mut segments = vec![flow.syn(Side::Target)];
                segments.extend(flow.established(Side::Target));
                self.flows.insert(on, flow);
                segments
            }
            Event::Refused { on, error } if error == REFUSED => {
                self.with(on, |flow| flow.reset(Side::Target))
            }
            Event::Sent { on, bytes, length } => {
                if bytes.len() < *length {
                    self.notes.push(format!("only the first {} of {length} bytes were kept", bytes.len()));
                }
                self.with(on, |flow| flow.data(Side::Runner, bytes, *length))
            }
            Event::Received { on, bytes } => {
                self.with(on, |flow| flow.data(Side::Target, bytes, bytes.len()))
            }
            Event::Ended { on, by: EndedBy::EndOfFile } => self.with(on, |flow| flow.fin(Side::Target)),
            Event::Ended { on, by: EndedBy::Reset } => self.with(on, |flow| flow.reset(Side::Target)),
            Event::Shutdown { on } | Event::Dropped { on, reset: false } => {
                self.with(on, |flow| flow.fin(Side::Runner))
            }
            Event::Dropped { on, reset: true } => self.with(on, |flow| flow.reset(Side::Runner)),
            _ => Vec::new(),
        }
    }

    fn with(&mut self, name: &str, send: impl FnOnce(&mut Flow) -> Vec<Segment>) -> Vec<Segment> {
        self.flows.get_mut(name).map(send).unwrap_or_default()
    }

    /// The first segment of our connect. Its port is known from the event of the open connection.
    fn begin(&mut self, index: usize, name: &'a str, to: &str) -> Vec<Segment> {
        let outcome = self.entries[index + 1..].iter().find_map(|entry| match &entry.event {
            Event::Opened { on, local, peer, .. } if on == name => Some(Some((local, peer))),
            Event::Connecting { on, .. } | Event::Refused { on, .. } if on == name => Some(None),
            _ => None,
        });
        let addresses =
            outcome.flatten().and_then(|(local, peer)| Some((local.parse().ok()?, peer.parse().ok()?)));
        let (local, peer) = match addresses {
            Some(addresses) => addresses,
            None => {
                let Ok(to) = to.parse::<SocketAddr>() else { return Vec::new() };
                self.notes.push(format!("this port is not known: {UNKNOWN_PORT} is written instead"));
                // Both ends are on one machine.
                (SocketAddr::new(to.ip(), UNKNOWN_PORT), to)
            }
        };
        let mut flow = Flow::new(local, peer, self.earlier);
        self.earlier = self.earlier.wrapping_add(1);
        let syn = flow.syn(Side::Runner);
        self.flows.insert(name, flow);
        vec![syn]
    }
}
