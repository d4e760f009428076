//! The server's half of a test: Request, Reply, Done, Results, and the silence that ends it.

use std::num::NonZeroU16;
use std::time::Duration;

use super::{Ending, left};
use crate::protocol::fault::Fault;
use crate::protocol::framing::Framing;
use crate::protocol::message::{Done, Message, MessageType, Reply, Request, Results, TestType};

/// What the server's control thread learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// Bytes came, cut in any way.
    Bytes(&'a [u8]),
    /// The client's side of the connection ended.
    Ended(Ending),
    /// Time passed without a byte on the control connection.
    Elapsed {
        /// How much, since the last event.
        time: Duration,
        /// How long ago the data thread last heard from the client, if it did: that is communication too.
        data_silent_for: Option<Duration>,
    },
    /// The data thread runs and its port is open.
    DataOpened {
        /// The port to announce.
        port: NonZeroU16,
    },
    /// The data thread has ended.
    DataClosed {
        /// UDP datagrams that it received.
        udp_packets_received: u64,
    },
}

/// What the server's control thread has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAction {
    /// Open a port for this test, start the data thread, then feed [`ServerEvent::DataOpened`].
    OpenData(TestType),
    /// End the data thread, then feed [`ServerEvent::DataClosed`].
    CloseData,
    /// Send these bytes.
    Send(Vec<u8>),
    /// End the data thread if there is one, close the connection, wait for the next client.
    Close(ServerClose),
}

/// Why the server closes, and with that how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerClose {
    /// Results are sent. The close must not destroy them: with unread input a plain close is a reset, and a reset can
    /// delete what the client has not read yet.
    #[error("the test is complete")]
    Complete,
    /// The client sent what it may not send.
    #[error("refused: {0}")]
    Refused(#[from] Fault),
    /// The client left in the middle.
    #[error("{}", left("the client", *.ending, *.due, *.got))]
    Left {
        /// How.
        ending: Ending,
        /// The message that was due.
        due: MessageType,
        /// The bytes of it that had come.
        got: usize,
    },
    /// The client said nothing for the whole of the control timeout.
    #[error("nothing came for {:.1} s while {due} was due", .after.as_secs_f64())]
    Silent {
        /// The control timeout.
        after: Duration,
        /// The message that was due.
        due: MessageType,
    },
}

/// The server's half of one test (P3, "Communication Protocol" and "Robust Design").
#[derive(Debug, Clone)]
pub struct ServerSession {
    state: ServerState,
    framing: Framing,
    timeout: Duration,
    silence: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerState {
    AwaitRequest,
    OpeningData,
    AwaitDone,
    ClosingData,
    Closed,
}

impl ServerSession {
    /// A session with a client that has just connected; `timeout` is the silence that ends it (P3: 45 s).
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            state: ServerState::AwaitRequest,
            framing: Framing::default(),
            timeout,
            silence: Duration::ZERO,
        }
    }

    /// How much more silence the session allows.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.timeout.saturating_sub(self.silence)
    }

    /// Takes one event and says what to do about it.
    pub fn handle(&mut self, event: ServerEvent<'_>) -> Vec<ServerAction> {
        match (self.state, event) {
            // Bytes after Done change nothing.
            (ServerState::Closed, _) | (ServerState::ClosingData, ServerEvent::Bytes(_)) => Vec::new(),
            (_, ServerEvent::Bytes(bytes)) => {
                self.silence = Duration::ZERO;
                self.framing.push(bytes);
                self.advance()
            }
            // The test is over and its Results come next: a client that has closed its side still gets them.
            (ServerState::ClosingData, ServerEvent::Ended(Ending::EndOfFile)) => Vec::new(),
            (_, ServerEvent::Ended(ending)) => {
                let got = self.framing.pending().len();
                self.close(ServerClose::Left { ending, due: self.due(), got })
            }
            (_, ServerEvent::Elapsed { time, data_silent_for }) => {
                self.silence += time;
                if let Some(data) = data_silent_for {
                    self.silence = self.silence.min(data);
                }
                if self.silence < self.timeout {
                    return Vec::new();
                }
                self.close(ServerClose::Silent { after: self.timeout, due: self.due() })
            }
            (ServerState::OpeningData, ServerEvent::DataOpened { port }) => {
                self.state = ServerState::AwaitDone;
                let mut actions = vec![ServerAction::Send(Reply { test_port: port }.encode())];
                actions.extend(self.advance());
                actions
            }
            (ServerState::ClosingData, ServerEvent::DataClosed { udp_packets_received }) => {
                let results = ServerAction::Send(Results { udp_packets_received }.encode());
                let mut actions = vec![results];
                actions.extend(self.close(ServerClose::Complete));
                actions
            }
            (_, ServerEvent::DataOpened { .. } | ServerEvent::DataClosed { .. }) => Vec::new(),
        }
    }

    /// Takes what the bytes so far allow. Bytes that came early stay until their turn.
    fn advance(&mut self) -> Vec<ServerAction> {
        match self.state {
            ServerState::AwaitRequest => match self.framing.take::<Request>() {
                Ok(Some(request)) => {
                    self.state = ServerState::OpeningData;
                    vec![ServerAction::OpenData(request.test)]
                }
                Ok(None) => Vec::new(),
                Err(fault) => self.close(ServerClose::Refused(fault)),
            },
            ServerState::AwaitDone => match self.framing.take::<Done>() {
                Ok(Some(Done)) => {
                    self.state = ServerState::ClosingData;
                    vec![ServerAction::CloseData]
                }
                Ok(None) => Vec::new(),
                Err(fault) => self.close(ServerClose::Refused(fault)),
            },
            ServerState::OpeningData | ServerState::ClosingData | ServerState::Closed => Vec::new(),
        }
    }

    fn close(&mut self, why: ServerClose) -> Vec<ServerAction> {
        self.state = ServerState::Closed;
        vec![ServerAction::Close(why)]
    }

    fn due(&self) -> MessageType {
        match self.state {
            ServerState::AwaitRequest => MessageType::Request,
            ServerState::OpeningData | ServerState::AwaitDone => MessageType::Done,
            ServerState::ClosingData | ServerState::Closed => MessageType::Results,
        }
    }
}
