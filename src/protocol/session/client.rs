//! The client's half of a test: it asks, measures, says Done, and takes the Results.

use std::num::NonZeroU16;
use std::time::Duration;

use super::{Ending, left};
use crate::protocol::fault::Fault;
use crate::protocol::framing::Framing;
use crate::protocol::message::{Done, Message, MessageType, Reply, Request, Results, TestType};

/// What the client's control thread learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The connection stands.
    Connected,
    /// Bytes came, cut in any way.
    Bytes(&'a [u8]),
    /// The server's side of the connection ended.
    Ended(Ending),
    /// The test's time is up and the data thread has ended.
    DataEnded,
    /// This much time passed since the last event.
    Elapsed(Duration),
}

/// What the client's control thread has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAction {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Start the data thread towards this port of the server; feed [`ClientEvent::DataEnded`] when it has ended.
    OpenData {
        /// The port that the server announced.
        port: NonZeroU16,
    },
    /// Report the results to the user.
    Report {
        /// The port that the server had announced.
        port: NonZeroU16,
        /// What it counted there.
        results: Results,
    },
    /// End the data thread if there is one, close the connection: the test is complete.
    Finish(ClientFinish),
    /// End the data thread if there is one, close the connection: the test failed.
    Fail(ClientFailure),
}

/// How a test ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFinish {
    /// The server closed the connection after Results, as it must.
    Closed,
    /// The server did not close in time. The Results are valid all the same.
    LeftOpen,
}

/// Why a test failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientFailure {
    /// The server sent what it may not send.
    #[error("the server's answer is wrong: {0}")]
    Refused(#[from] Fault),
    /// The server sent bytes while the test ran, before Done asked for any.
    #[error("the server sent {count} bytes before Done, where nothing is due")]
    Early {
        /// How many.
        count: usize,
    },
    /// The server left before its next message was complete.
    #[error("{}", left("the server", *.ending, *.due, *.got))]
    Left {
        /// How.
        ending: Ending,
        /// The message that was due.
        due: MessageType,
        /// The bytes of it that had come.
        got: usize,
    },
    /// The server left while the test ran.
    #[error("the server {ending} during the test")]
    LeftDuringTest {
        /// How.
        ending: Ending,
    },
}

/// The client's half of one test (P3, "Communication Protocol"). It bounds only the wait for the server's close: the
/// documents give the client's control connection no timeout (P3, "Robust Design").
#[derive(Debug, Clone)]
pub struct ClientSession {
    state: ClientState,
    framing: Framing,
    test: TestType,
    close_patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientState {
    Connecting,
    AwaitReply,
    Measuring { port: NonZeroU16 },
    AwaitResults { port: NonZeroU16 },
    AwaitClose { waited: Duration },
    Closed,
}

impl ClientSession {
    /// A session that will ask for `test`, and wait `close_patience` for the server's close after Results.
    #[must_use]
    pub fn new(test: TestType, close_patience: Duration) -> Self {
        Self { state: ClientState::Connecting, framing: Framing::default(), test, close_patience }
    }

    /// How long the client waits for the next event; for ever if `None`.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            ClientState::AwaitClose { waited } => Some(self.close_patience.saturating_sub(waited)),
            _ => None,
        }
    }

    /// Takes one event and says what to do about it.
    pub fn handle(&mut self, event: ClientEvent<'_>) -> Vec<ClientAction> {
        match (self.state, event) {
            (ClientState::Connecting, ClientEvent::Connected) => {
                self.state = ClientState::AwaitReply;
                vec![ClientAction::Send(Request { test: self.test }.encode())]
            }
            (ClientState::AwaitReply | ClientState::AwaitResults { .. }, ClientEvent::Bytes(bytes)) => {
                self.framing.push(bytes);
                self.advance()
            }
            (ClientState::Measuring { .. }, ClientEvent::Bytes(bytes)) => {
                self.fail(ClientFailure::Early { count: bytes.len() })
            }
            (ClientState::Measuring { port }, ClientEvent::DataEnded) => {
                self.state = ClientState::AwaitResults { port };
                vec![ClientAction::Send(Done.encode())]
            }
            (ClientState::Measuring { .. }, ClientEvent::Ended(ending)) => {
                self.fail(ClientFailure::LeftDuringTest { ending })
            }
            (ClientState::AwaitClose { .. }, ClientEvent::Ended(_)) => self.finish(ClientFinish::Closed),
            (ClientState::Closed, _) => Vec::new(),
            (_, ClientEvent::Ended(ending)) => {
                let due = match self.state {
                    ClientState::AwaitResults { .. } => MessageType::Results,
                    _ => MessageType::Reply,
                };
                let got = self.framing.pending().len();
                self.fail(ClientFailure::Left { ending, due, got })
            }
            (ClientState::AwaitClose { waited }, ClientEvent::Elapsed(time)) => {
                let waited = waited + time;
                self.state = ClientState::AwaitClose { waited };
                if waited < self.close_patience {
                    return Vec::new();
                }
                self.finish(ClientFinish::LeftOpen)
            }
            // Bytes after Results change nothing, and the other events mean nothing in the other states.
            (_, _) => Vec::new(),
        }
    }

    fn advance(&mut self) -> Vec<ClientAction> {
        let step = match self.state {
            ClientState::AwaitReply => self.reply(),
            ClientState::AwaitResults { port } => self.results(port),
            _ => Ok(Vec::new()),
        };
        step.unwrap_or_else(|failure| self.fail(failure))
    }

    fn reply(&mut self) -> Result<Vec<ClientAction>, ClientFailure> {
        let Some(Reply { test_port: port }) = self.framing.take()? else { return Ok(Vec::new()) };
        let count = self.framing.pending().len();
        if count > 0 {
            return Err(ClientFailure::Early { count });
        }
        self.state = ClientState::Measuring { port };
        Ok(vec![ClientAction::OpenData { port }])
    }

    fn results(&mut self, port: NonZeroU16) -> Result<Vec<ClientAction>, ClientFailure> {
        let Some(results) = self.framing.take::<Results>()? else { return Ok(Vec::new()) };
        self.state = ClientState::AwaitClose { waited: Duration::ZERO };
        Ok(vec![ClientAction::Report { port, results }])
    }

    fn finish(&mut self, how: ClientFinish) -> Vec<ClientAction> {
        self.state = ClientState::Closed;
        vec![ClientAction::Finish(how)]
    }

    fn fail(&mut self, why: ClientFailure) -> Vec<ClientAction> {
        self.state = ClientState::Closed;
        vec![ClientAction::Fail(why)]
    }
}
