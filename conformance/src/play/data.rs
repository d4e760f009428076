//! The data plane of a conversation: the runner's own test port for a client, and its traffic to a server's. Threads
//! send and receive the data, so that the player still watches the control connection. They report events. For the
//! player.

mod measuring;
mod outbound;

use std::time::Duration;

pub(super) use measuring::MeasuringPort;
pub(super) use outbound::Outbound;

use super::data_port::DataPort;
use super::{PlayError, Player};
use crate::model::bytes::Outgoing;
use crate::model::data::{DataAction, PortMode, Transport};
use crate::model::transcript::{DataEvent, DataSeen, Event};
use crate::stage::netstat;

/// How long the runner's own sender sends: long enough that the slow start of a connection is over.
const PLAIN_SENDER_SENDS: Duration = Duration::from_millis(500);

/// The runner's test port.
pub(super) enum OwnPort {
    /// Takes everything slowly and counts nothing.
    Gentle(DataPort),
    /// Treats the data as the case says and counts it.
    Measuring(MeasuringPort),
}

impl OwnPort {
    /// Opens a free port for both protocols and serves it.
    pub(super) fn open(mode: Option<PortMode>) -> std::io::Result<Self> {
        Ok(match mode {
            None => Self::Gentle(DataPort::open()?),
            Some(mode) => Self::Measuring(MeasuringPort::open(mode)?),
        })
    }

    /// The number.
    pub(super) fn number(&self) -> u16 {
        match self {
            Self::Gentle(port) => port.number(),
            Self::Measuring(port) => port.number(),
        }
    }

    /// A client has asked for a round-trip test.
    pub(super) fn echo(&self) {
        if let Self::Gentle(port) = self {
            port.echo();
        }
    }
}

impl Player<'_> {
    /// Does the action of a data step. [`Player::observe_data`] records the events of its threads.
    pub(super) fn act_on_data(&mut self, action: &DataAction) {
        let patience = self.judge.tolerances().patience;
        match action {
            DataAction::PortOpen(over) | DataAction::PortFree { over, .. } => self.look_at_port(*over),
            DataAction::Send { .. } | DataAction::RoundTrips { .. } => {
                let Some(port) = self.judge.announced_port() else { return };
                self.outbound.begin(port, action, patience);
            }
            DataAction::Seen(_) => {
                if self.transcript.data_seen().is_none() {
                    self.count_data();
                }
            }
            DataAction::Compare => self.compare(),
            DataAction::Reports { .. } => {}
        }
    }

    /// Records the events of the data threads.
    pub(super) fn observe_data(&mut self) -> Result<(), PlayError> {
        while let Some(event) = self.outbound.next_event() {
            let event = event.map_err(PlayError::system("send data to the test port"))?;
            self.transcript.push(self.clock.elapsed(), Event::Data(event));
        }
        Ok(())
    }

    /// Whether the announced port is open, as the system's socket table says.
    pub(super) fn look_at_port(&mut self, over: Transport) {
        let Some(port) = self.judge.announced_port() else { return };
        let open = match over {
            Transport::Tcp => netstat::tcp_port_in_use(port),
            Transport::Udp => netstat::udp_port_open(port),
        };
        self.push_where_new(DataEvent::Port { port, over, open: open.ok() });
    }

    /// Records how many datagrams the kernel has dropped since the runner began to send, if that has changed.
    pub(super) fn count_drops(&mut self) {
        self.push_where_new(DataEvent::Drops { datagrams: self.outbound.drops() });
    }

    /// Records an event if it differs from the last data event of this step: a repeated check would fill the
    /// transcript.
    fn push_where_new(&mut self, event: DataEvent) {
        let event = Event::Data(event);
        let in_step = self.transcript.entries.iter().rev();
        let mut in_step = in_step.take_while(|entry| !matches!(entry.event, Event::Step { .. }));
        let latest = in_step.find(|entry| matches!(entry.event, Event::Data(_)));
        if latest.is_none_or(|latest| latest.event != event) {
            self.transcript.push(self.clock.elapsed(), event);
        }
    }

    /// The count that `outgoing` contains; 0 if it contains none.
    pub(super) fn count_for(&mut self, outgoing: &Outgoing) -> u64 {
        if !outgoing.tells_count() {
            return 0;
        }
        let Some(OwnPort::Measuring(port)) = &self.data_port else { return 0 };
        let seen = port.settled();
        let percent = u64::from(outgoing.percent);
        let counted = match (percent, seen.unanswered + seen.answered) {
            // A datagram that got no reply is not counted.
            (100, 1..) => seen.answered.min(seen.datagrams),
            (100, 0) => seen.datagrams,
            _ => seen.sent_datagrams() * percent / 100,
        };
        self.push_seen(DataSeen { told: Some(counted), ..seen });
        counted
    }

    /// Waits until no more data comes, and records what has come.
    fn count_data(&mut self) {
        if let Some(OwnPort::Measuring(port)) = &self.data_port {
            let seen = port.settled();
            self.push_seen(seen);
        }
    }

    fn push_seen(&mut self, seen: DataSeen) {
        self.transcript.push(self.clock.elapsed(), Event::Data(DataEvent::Seen(Box::new(seen))));
    }

    fn compare(&mut self) {
        let Some(OwnPort::Measuring(port)) = &self.data_port else { return };
        let seen = port.settled();
        let span = seen.last.saturating_sub(seen.first);
        // If the plain sender cannot connect to its own port, there is nothing to compare.
        let Ok(plain_mbit_s) = port.plain_sender(PLAIN_SENDER_SENDS) else { return };
        let client_mbit_s = measuring::megabits_per_second(seen.stream_bytes, span);
        let event = DataEvent::Compared { client_mbit_s, plain_mbit_s };
        self.transcript.push(self.clock.elapsed(), Event::Data(event));
    }
}
