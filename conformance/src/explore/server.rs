//! The model of a server with several clients: after each stimulus it knows what is due, from whom, and what that rests
//! on, and writes the steps that say so. It demands only what the tables of `rules` demand, and where two clients could be
//! served in either order it demands it in either. Pure.

mod busy;
mod due;
mod visit;

use std::collections::BTreeMap;

use busy::takes;
pub use visit::{Input, Visit};

use super::rules::{self, Duty, Heard};
use super::script::{Line, hex, over};
use super::stimulus::{Peer, Route, Stimulus};
use crate::model::case::TestType;

/// The names of a conversation's connections.
const NAMES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// Bytes of a Request.
const REQUEST: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The server has closed it, or must have.
    Over,
    /// The runner has left.
    Gone,
}

/// What Results must count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Zero,
    Sent(&'static str),
}

#[derive(Clone, Debug)]
struct Connection {
    name: String,
    bytes: Vec<u8>,
    /// The Request came in several segments.
    in_pieces: bool,
    ended: bool,
    in_test: bool,
    state: State,
    /// It came while another was there.
    waited: bool,
    count: Count,
    route: Route,
}

impl Connection {
    /// The requirement that is broken if nothing comes: until the server has answered on it, that of the way to it.
    fn blames(&self, otherwise: &'static str) -> &'static str {
        match self.route {
            _ if self.in_test => otherwise,
            Route::Loopback => otherwise,
            Route::Ipv6 => "SRV-12",
            Route::External => "SRV-13",
        }
    }

    fn heard(&self) -> Heard {
        Heard::of(&self.bytes)
    }

    fn duties(&self) -> Option<&'static [Duty]> {
        rules::duties(self.heard(), self.in_test, self.ended)
    }

    fn test(&self) -> Option<TestType> {
        TestType::of_request(&self.bytes)
    }
}

/// The model, after a part of a conversation.
#[derive(Clone, Debug)]
pub struct Server {
    /// Data is moved and judged (Part 2).
    measures: bool,
    /// Put before the name of each connection.
    prefix: String,
    connections: BTreeMap<Peer, Connection>,
    lines: Vec<Line>,
    /// What the last client that did not end well rests on.
    trouble: Option<&'static str>,
    /// Whole sessions so far.
    served: usize,
    /// Tests that have surely begun, for the lines about the data thread.
    begun: usize,
    /// Whether that number is sure.
    counted: bool,
    interrupted: bool,
    restarted: bool,
    visits: Vec<Visit>,
}

impl Server {
    /// A server that nobody has connected to.
    /// `begun`: how many tests the same process has begun before, if that is sure.
    pub fn new(measures: bool, prefix: &str, begun: Option<usize>) -> Self {
        Self {
            measures,
            prefix: prefix.to_owned(),
            connections: BTreeMap::new(),
            lines: Vec::new(),
            trouble: None,
            served: 0,
            begun: begun.unwrap_or_default(),
            counted: begun.is_some(),
            interrupted: false,
            restarted: false,
            visits: Vec::new(),
        }
    }

    /// How many steps have been written.
    pub fn steps(&self) -> usize {
        self.lines.len()
    }

    /// The connections that are open.
    pub fn alive(&self) -> impl Iterator<Item = Peer> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.state == State::Open)
            .map(|(peer, _)| *peer)
    }

    fn first(&self) -> Option<Peer> {
        self.alive().next()
    }

    /// The client in whose test the server is.
    pub fn holder(&self) -> Option<Peer> {
        self.alive().find(|peer| self.connections[peer].in_test)
    }

    /// What this client has sent so far.
    pub fn heard(&self, peer: Peer) -> Option<Heard> {
        self.connections.get(&peer).map(Connection::heard)
    }

    /// The test that this client has asked for.
    pub fn test(&self, peer: Peer) -> Option<TestType> {
        self.connections.get(&peer).and_then(Connection::test)
    }

    /// Whether this can be done now.
    pub fn allows(&self, stimulus: &Stimulus) -> bool {
        if self.interrupted {
            return *stimulus == Stimulus::Restart && !self.restarted;
        }
        if let Stimulus::Open(peer, _) = stimulus {
            return !self.connections.contains_key(peer) && *peer < NAMES.len();
        }
        let open = stimulus
            .peer()
            .and_then(|peer| self.connections.get(&peer))
            .filter(|connection| connection.state == State::Open);
        match stimulus {
            Stimulus::Open(..) | Stimulus::Await | Stimulus::Interrupt => true,
            Stimulus::Restart => false,
            Stimulus::Leave { .. } | Stimulus::Sessions(_) => self.alive().next().is_none(),
            Stimulus::Send(..) => {
                open.is_some_and(|connection| !connection.ended && !connection.heard().ends_by_itself())
            }
            Stimulus::HalfClose(_) => open.is_some_and(|connection| !connection.ended),
            Stimulus::Close(_) | Stimulus::Reset(_) => open.is_some(),
            Stimulus::Rest(peer, _) => open.is_some_and(|connection| self.must_be_silent(*peer, connection)),
            Stimulus::Starve(peer) => open.is_some_and(|connection| {
                self.must_be_silent(*peer, connection)
                    && self.alive().count() == 1
                    && rules::silence(connection.heard(), connection.in_test).is_some()
            }),
            Stimulus::Data(_, load) => {
                self.measures && open.is_some_and(|connection| takes(connection, *load))
            }
        }
    }

    /// Whether not a byte and no close may come now.
    fn must_be_silent(&self, peer: Peer, connection: &Connection) -> bool {
        let nothing_due = |connection: &Connection| {
            !connection.heard().may_be_refused() && connection.duties().is_some_and(<[Duty]>::is_empty)
        };
        if connection.heard().may_be_refused() {
            return false;
        }
        match self.holder() {
            // Until the holder's session can end, all others wait.
            Some(holder) if holder != peer => nothing_due(&self.connections[&holder]),
            Some(_) => nothing_due(connection),
            None => self.alive().count() == 1 && nothing_due(connection),
        }
    }

    fn visit(&mut self, peer: Peer, input: Input) {
        if let Some(heard) = self.heard(peer) {
            self.visits.push(Visit { heard, input });
        }
    }

    /// Does this in the model, and writes its steps.
    pub fn apply(&mut self, stimulus: &Stimulus) {
        match stimulus {
            Stimulus::Open(peer, route) => self.open(*peer, *route),
            Stimulus::Send(peer, segments) => self.send(*peer, segments),
            Stimulus::Await => self.collect(),
            Stimulus::Rest(peer, milliseconds) => self.rest(*peer, *milliseconds),
            Stimulus::HalfClose(peer) => {
                self.visit(*peer, Input::HalfClose);
                if let Some(connection) = self.connections.get_mut(peer) {
                    connection.ended = true;
                    self.lines.push(Line::set("shutdown").on(&connection.name));
                }
            }
            Stimulus::Close(peer) => {
                self.visit(*peer, Input::Close);
                self.leave(*peer, false);
            }
            Stimulus::Reset(peer) => {
                self.visit(*peer, Input::Reset);
                self.leave(*peer, true);
            }
            Stimulus::Data(peer, load) => self.data(*peer, *load),
            Stimulus::Leave { sessions, after, reset } => self.leave_often(*sessions, *after, *reset),
            Stimulus::Sessions(count) => self.sessions(*count),
            Stimulus::Starve(peer) => self.starve(*peer),
            Stimulus::Interrupt => self.interrupt(),
            Stimulus::Restart => {
                self.restarted = true;
                self.lines.push(Line::set("start").with("requirement", "SIG-5"));
                self.lines.push(Line::new("session", "TCP_STREAM").with("requirement", "SIG-5"));
            }
        }
    }

    fn open(&mut self, peer: Peer, route: Route) {
        let name = format!("{}{}", self.prefix, NAMES[peer % NAMES.len()]);
        let line = Line::new("connect", name.as_str());
        self.lines.push(match route {
            Route::Loopback => line,
            Route::Ipv6 => line.with("to", "ipv6"),
            Route::External => line.with("to", "external"),
        });
        let connection = Connection {
            name,
            bytes: Vec::new(),
            in_pieces: false,
            ended: false,
            in_test: false,
            state: State::Open,
            waited: self.alive().next().is_some(),
            count: Count::Zero,
            route,
        };
        self.connections.insert(peer, connection);
    }

    fn send(&mut self, peer: Peer, segments: &[Vec<u8>]) {
        self.visit(peer, Input::Bytes);
        let alone = self.alive().all(|other| other == peer) || self.holder() == Some(peer);
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let whole = [segments.concat()];
        // Who waits is not read: a segment on its own would only cost time.
        let segments = if alone { segments } else { &whole };
        let missing = REQUEST.saturating_sub(connection.bytes.len());
        connection.in_pieces |= (!connection.bytes.is_empty() && missing > 0)
            || (segments.len() > 1 && segments[0].len() < missing);
        let slices: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        self.lines.push(Line::new("send", hex(&slices)).on(&connection.name));
        connection.bytes.extend(segments.concat());
    }

    fn rest(&mut self, peer: Peer, milliseconds: u32) {
        self.visit(peer, Input::Rest);
        let waits = self.holder().is_some_and(|holder| holder != peer);
        let Some(connection) = self.connections.get(&peer) else { return };
        let in_test = connection.in_test;
        let line = Line::new("silent", format!("{milliseconds}ms")).on(&connection.name);
        let (id, content) = match (waits, in_test, connection.heard()) {
            (true, ..) => ("SER-1", "SER-1"),
            (_, true, _) => ("SRV-5", "SRV-4"),
            (.., Heard::Nothing) => ("TMO-5", "SRV-4"),
            _ => ("SRV-8", "SRV-4"),
        };
        self.lines.push(line.charged(connection.blames(id), content));
        if in_test && self.counted {
            self.lines.push(match self.begun {
                // The data thread of this test lives until Done.
                0 | 1 => Line::new("unprinted", "Data thread closing").charged("SRV-11", "SRV-11"),
                begun => {
                    let line = Line::new("prints", "Data thread closing").with("times", begun - 1);
                    line.charged("SRV-11", "SRV-11")
                }
            });
        }
    }

    fn starve(&mut self, peer: Peer) {
        self.visit(peer, Input::Silence);
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let Some(id) = rules::silence(connection.heard(), connection.in_test) else { return };
        connection.state = State::Over;
        let line = Line::new("closed", "at control-timeout").on(&connection.name);
        self.lines.push(line.charged(connection.blames(id), "TMO-8"));
        self.trouble = Some(id);
    }

    /// The runner leaves.
    fn leave(&mut self, peer: Peer, reset: bool) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        self.lines.push(Line::set(if reset { "reset" } else { "close" }).on(&connection.name));
        connection.state = State::Gone;
        let (heard, tested) = (connection.heard(), connection.in_test);
        if !tested
            && !matches!(
                heard,
                Heard::Nothing | Heard::PartOfRequest | Heard::PartOfWrongRequest | Heard::WrongRequest(_)
            )
        {
            // Whether its test has begun is unknown.
            self.counted = false;
        }
        self.trouble =
            Some(if connection.waited && !tested { "SER-3" } else { rules::aftermath(heard, reset) });
        if tested && self.measures {
            self.port_is_free(peer);
        }
    }

    /// The test port of this client is free again. Where another client is there, its test may have the same one already.
    fn port_is_free(&mut self, peer: Peer) {
        if let Some(test) = self.test(peer).filter(|_| self.first().is_none()) {
            self.lines
                .push(Line::new("test_port", "free").with("over", over(test)).charged("DAT-10", "DAT-10"));
        }
    }
}

/// A whole conversation with a server.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its steps.
    pub lines: Vec<Line>,
    /// How many tests it began, if that is sure.
    pub begun: Option<usize>,
    /// The requirement that is broken if nobody is served afterwards.
    pub blame: &'static str,
    /// What was tried.
    pub visits: Vec<Visit>,
    /// Whether the server has ended.
    pub interrupted: bool,
}
