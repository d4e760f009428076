//! The two state machines of one test, server and client: what happened goes in, what to do comes out.
//!
//! They hold no socket and no clock, so that every order of events can be tried; `crate::control` feeds them and does
//! as they say. After an action that closes the connection nothing more comes out, whatever is fed.

use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use super::fault::Fault;
use super::framing::Framing;
use super::message::{Done, Message, MessageType, Reply, Request, Results, TestType};

/// How a connection ended from the other side: both are a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed in an orderly way; what it sent before has been read.
    EndOfFile,
    /// The connection broke, by a reset for instance.
    Broken(io::ErrorKind),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfFile => f.write_str("closed the connection"),
            Self::Broken(kind) => write!(f, "broke the connection ({kind})"),
        }
    }
}

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
    /// Results are sent. The close must not overtake them: with unread input a plain close is a reset, which can
    /// destroy what the client has not read yet.
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

    /// How much more silence the session bears.
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
            // The test is over and its Results are on the way: a client that stops sending still gets them.
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
    /// Tell the user what came of it.
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
    /// The server did not within the client's patience; the Results hold nevertheless.
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

fn left(who: &str, how: Ending, due: MessageType, got: usize) -> String {
    match got {
        0 => format!("{who} {how} before {due}"),
        _ => format!("{who} {how} within {due}, after {got} of its bytes"),
    }
}
