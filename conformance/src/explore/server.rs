//! The model of a server with several clients: after each stimulus it knows what is due, from whom, and what that rests
//! on, and writes the steps that say so. It demands only what the tables of `rules` demand, and where two clients could be
//! served in either order it demands it in either. Pure.

use std::collections::BTreeMap;

use super::rules::{self, Duty, Heard, Message};
use super::script::{Line, Value, hex};
use super::stimulus::{Load, Peer, Route, Stimulus};
use crate::model::case::TestType;

/// The names of a conversation's connections.
const NAMES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// Bytes of a Request.
const REQUEST: usize = 3;

/// A state of one connection, for the coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Nobody else is there.
    Alone,
    /// The server is in this client's test.
    InTest,
    /// Another client came before, or is being served.
    Waiting,
}

/// A transition of the model that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visit {
    /// What the server had heard of this client.
    pub heard: Heard,
    /// Where the client stood.
    pub place: Place,
    /// What happened.
    pub input: Input,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// More bytes.
    Bytes,
    /// Silence.
    Rest,
    /// Data of the test.
    Data,
    /// Silence until the timeout.
    Silence,
    /// A half-close.
    HalfClose,
    /// A close.
    Close,
    /// A reset.
    Reset,
    /// An interrupt of the server.
    Interrupt,
}

impl Input {
    /// Every input, in the order of a table's columns.
    pub const ALL: [Self; 8] = [
        Self::Bytes,
        Self::Rest,
        Self::Data,
        Self::Silence,
        Self::HalfClose,
        Self::Close,
        Self::Reset,
        Self::Interrupt,
    ];

    /// The head of its column.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bytes => "more bytes",
            Self::Rest => "a pause",
            Self::Data => "data",
            Self::Silence => "timeout",
            Self::HalfClose => "half-close",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Interrupt => "Ctrl-C",
        }
    }
}

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
    /// Whether data can go the same way: the runner sends its data over 127.0.0.1, and from elsewhere it is a stranger's.
    takes_data: bool,
}

impl Connection {
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
        if connection.heard() == Heard::PartOfWrongRequest || connection.heard() == Heard::PartOfWrongDone {
            return false;
        }
        let nothing_due = |connection: &Connection| connection.duties().is_some_and(<[Duty]>::is_empty);
        match self.holder() {
            // Until the holder's session can end, all others wait.
            Some(holder) if holder != peer => nothing_due(&self.connections[&holder]),
            Some(_) => nothing_due(connection),
            None => self.alive().count() == 1 && nothing_due(connection),
        }
    }

    fn place(&self, peer: Peer) -> Place {
        match self.holder() {
            Some(holder) if holder == peer => Place::InTest,
            _ if self.alive().any(|other| other < peer) => Place::Waiting,
            _ => Place::Alone,
        }
    }

    fn visit(&mut self, peer: Peer, input: Input) {
        if let Some(heard) = self.heard(peer) {
            self.visits.push(Visit { heard, place: self.place(peer), input });
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
            takes_data: route == Route::Loopback,
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
        connection.in_pieces |= (connection.bytes.len() > 0 && missing > 0)
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
        self.lines.push(match (waits, connection.in_test, connection.heard()) {
            (true, ..) => line.charged("SER-1", "SER-1"),
            (_, true, _) => line.charged("SRV-5", "SRV-4"),
            (.., Heard::Nothing) => line.charged("TMO-5", "SRV-4"),
            _ => line.charged("SRV-8", "SRV-4"),
        });
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
        self.lines.push(line.charged(id, "TMO-8"));
        self.trouble = Some(id);
    }

    /// The runner leaves.
    fn leave(&mut self, peer: Peer, reset: bool) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        self.lines.push(Line::set(if reset { "reset" } else { "close" }).on(&connection.name));
        connection.state = State::Gone;
        let (heard, tested, name) = (connection.heard(), connection.in_test, connection.name.clone());
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
            self.port_is_free(&name, peer);
        }
    }

    fn port_is_free(&mut self, _name: &str, peer: Peer) {
        if let Some(test) = self.test(peer) {
            self.lines
                .push(Line::new("test_port", "free").with("over", over(test)).charged("DAT-10", "DAT-10"));
        }
    }

    fn data(&mut self, peer: Peer, load: Load) {
        self.visit(peer, Input::Data);
        let Some(test) = self.test(peer) else { return };
        let over = over(test);
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let counts = test == TestType::UdpStream || test == TestType::UdpRr;
        let send = |what: String| Line::new("send_data", what).with("over", over);
        match load {
            Load::Messages(count, length) => {
                self.lines.push(
                    send(format!("{count} of {length}")).with("pace", "200us").charged("DAT-1", "DAT-1"),
                );
                self.lines.push(Line::new("silent", "moment").on(&connection.name).charged("SRV-4", "SRV-4"));
            }
            Load::RoundTrips(count, length) => {
                let id = if test == TestType::TcpRr { "DAT-5" } else { "DAT-6" };
                self.lines.push(
                    Line::new("round_trips", format!("{count} of 1")).with("over", over).charged(id, id),
                );
                self.lines.push(Line::new("silent", "moment").on(&connection.name).charged("SRV-4", "SRV-4"));
            }
            Load::InFlight(count) => {
                self.lines.push(Line::new("signal", "STOP"));
                self.lines.push(send(format!("{count} of 1")).charged("DAT-1", "DAT-1"));
                self.lines.push(Line::new("send", "01 03").on(&connection.name));
                self.lines.push(Line::new("signal", "CONT"));
                connection.bytes.extend([1, 3]);
                connection.count = Count::Sent("DAT-9");
                return;
            }
            Load::Strangers(count) => {
                self.lines.push(send("3 of 1472".to_owned()).with("pace", "200us").charged("DAT-1", "DAT-1"));
                let strangers =
                    send(format!("{count} of 1472")).with("pace", "200us").with("from", "stranger");
                self.lines.push(strangers.charged("DAT-14", "DAT-14"));
                self.lines.push(Line::new("silent", "moment").on(&connection.name).charged("SRV-4", "SRV-4"));
                connection.count = Count::Sent("DAT-14");
                return;
            }
        }
        if counts && connection.count == Count::Zero {
            connection.count = Count::Sent("DAT-8");
        }
    }

    fn leave_often(&mut self, sessions: usize, after: usize, reset: bool) {
        let name = format!("{}leaver", self.prefix);
        let bytes = [1, 1, 1, 1, 3];
        let mut steps = vec![Line::new("connect", name.as_str())];
        let send = |bytes: &[u8]| Line::new("send", hex(&[bytes])).on(&name);
        if after > 0 {
            steps.push(send(&bytes[..after.min(REQUEST)]));
        }
        if after >= REQUEST {
            steps.push(Line::new("expect", "01 02 PP PP").on(&name).charged("ABR-6", "SRV-2"));
        }
        if after > REQUEST {
            steps.push(send(&bytes[REQUEST..after]));
        }
        steps.push(Line::set(if reset { "reset" } else { "close" }).on(&name));
        let trouble = rules::aftermath(Heard::of(&bytes[..after]), reset);
        steps.push(Line::new("session", "TCP_STREAM").with("requirement", trouble));
        let block = Line::new("repeat", Value::Number(sessions)).with("steps", Value::Steps(steps));
        self.lines.push(Line::new("session", "TCP_STREAM").with("requirement", "SRV-7"));
        self.lines.push(Line::new("resources", "remember"));
        self.lines.push(block.clone());
        self.lines.push(Line::new("resources", "remember"));
        self.lines.push(block);
        self.lines.push(Line::new("resources", "level").charged("ABR-7", "ABR-7"));
        self.trouble = Some("ABR-6");
        self.counted = false;
        self.served += 2 * sessions;
    }

    fn sessions(&mut self, count: usize) {
        for index in 0..count {
            let test = ["TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"][index % 4];
            let id = self.blame("SRV-7");
            self.lines.push(Line::new("session", test).with("requirement", id));
            self.served += 1;
            self.begun += 1;
        }
    }

    fn interrupt(&mut self) {
        let alive: Vec<Peer> = self.alive().collect();
        for peer in &alive {
            self.visit(*peer, Input::Interrupt);
        }
        // A client of whom a server may have got rid is no client any more.
        let idle = !alive.iter().any(|peer| {
            matches!(
                self.heard(*peer),
                Some(Heard::Nothing | Heard::PartOfRequest | Heard::Request | Heard::PartOfDone)
            )
        });
        let id = rules::server_interrupt(idle);
        self.interrupted = true;
        self.lines.push(Line::new("signal", "INT"));
        self.lines.push(Line::new("exits", "promptly").charged(id, id));
        self.lines.push(Line::new("prints", "Exiting Server").charged(id, id));
        self.lines.push(Line::set("no_trace").charged(id, id));
    }

    /// What is charged if the next client gets no answer: what went before it, if anything did.
    fn blame(&self, otherwise: &'static str) -> &'static str {
        self.trouble.unwrap_or(otherwise)
    }

    fn reply_rests_on(&self, connection: &Connection) -> &'static str {
        match connection.heard() {
            _ if connection.in_pieces => "SRV-8",
            Heard::Done | Heard::More => "SRV-9",
            _ if self.trouble.is_some() => self.blame("SRV-7"),
            _ if connection.waited => "SER-2",
            _ if self.served > 0 => "SRV-7",
            _ => "SRV-2",
        }
    }

    /// Waits for all that is due now.
    fn collect(&mut self) {
        // Each turn ends a connection or returns.
        while let Some(first) = self.first() {
            if let Some(holder) = self.holder() {
                self.perform(holder, 1);
                if self.connections[&holder].state == State::Open {
                    return;
                }
                continue;
            }
            let alive: Vec<Peer> = self.alive().collect();
            if let Some(undecided) = alive.iter().find(|peer| self.connections[peer].duties().is_none()) {
                self.leave(*undecided, false);
                continue;
            }
            let idle = |peer: &Peer| self.connections[peer].duties().is_some_and(<[Duty]>::is_empty);
            if alive.iter().any(idle) {
                // It may be the turn of one that has said too little.
                return;
            }
            if alive.len() == 1 {
                self.perform(first, 1);
                if self.connections[&first].state == State::Open {
                    return;
                }
                continue;
            }
            self.collect_in_any_order(&alive);
        }
    }

    /// Several clients are due and none is in its test: the order is the server's own affair.
    fn collect_in_any_order(&mut self, alive: &[Peer]) {
        if alive.iter().all(|peer| self.heard(*peer) == Some(Heard::Request) && !self.connections[peer].ended)
        {
            return self.serve_each(alive);
        }
        for peer in alive {
            // One that only asked would hold the server until its Done.
            let rest: &[u8] = match self.heard(*peer) {
                Some(Heard::Request) => &[1, 3],
                Some(Heard::PartOfDone) => &[3],
                _ => continue,
            };
            self.send(*peer, &[rest.to_vec()]);
        }
        for peer in alive {
            self.perform(*peer, alive.len());
        }
    }

    /// Clients that have all sent a Request: whoever is answered is served to the end before the next one.
    fn serve_each(&mut self, alive: &[Peer]) {
        let names: Vec<String> = alive.iter().map(|peer| self.connections[peer].name.clone()).collect();
        let served = format!("{}served", self.prefix);
        let id = self.blame("SER-2");
        let within = format!("patience * {}", alive.len() + 1);
        let steps = vec![
            Line::new("expect", "01 02 PP PP")
                .with("on", Value::Texts(names))
                .with("as", served.as_str())
                .with("within", within)
                .charged(id, "SRV-2"),
            Line::new("send", "01 03").on(&served),
            Line::new("expect", "01 04 00*8").on(&served).charged("SRV-5", "SRV-5"),
            Line::set("close").on(&served),
        ];
        self.lines.push(Line::new("repeat", Value::Number(alive.len())).with("steps", Value::Steps(steps)));
        for peer in alive {
            self.served += 1;
            self.begun += 1;
            if let Some(connection) = self.connections.get_mut(peer) {
                connection.state = State::Over;
            }
        }
    }

    /// Waits for what is due to one client. `turns`: how many may be served before it, with itself.
    fn perform(&mut self, peer: Peer, turns: usize) {
        let Some(duties) = self.connections.get(&peer).and_then(Connection::duties) else { return };
        let mut duties = duties;
        if let [
            Duty { message: Message::Reply, .. },
            results @ Duty { message: Message::Results, .. },
            rest @ ..,
        ] = duties
        {
            self.both_answers(peer, *results, turns);
            duties = rest;
        }
        for duty in duties {
            let connection = &self.connections[&peer];
            let within = |line: Line| {
                if turns > 1 { line.with("within", format!("patience * {turns}")) } else { line }
            };
            match duty.message {
                Message::Reply => {
                    let id = self.reply_rests_on(connection);
                    let name = connection.name.clone();
                    self.lines
                        .push(within(Line::new("expect", "01 02 PP PP").on(&name)).charged(id, "SRV-2"));
                    self.replied(peer, turns);
                }
                Message::Results => {
                    let (count, id, content) = match connection.count {
                        Count::Zero => ("00*8", duty.id, duty.content),
                        Count::Sent(id) => ("NN*8", id, id),
                    };
                    let line = Line::new("expect", format!("01 04 {count}")).on(&connection.name);
                    self.lines.push(within(line).charged(id, content));
                }
                Message::Close => {
                    let time = if turns > 1 { format!("patience * {turns}") } else { "promptly".to_owned() };
                    let line = Line::new("closed", time).on(&connection.name);
                    self.lines.push(line.charged(duty.id, duty.content));
                    self.closed(peer);
                }
            }
        }
    }

    /// Reply and Results, which may come in one segment.
    fn both_answers(&mut self, peer: Peer, results: Duty, turns: usize) {
        let connection = &self.connections[&peer];
        let id = self.reply_rests_on(connection);
        let content = if results.id == "INV-7" { "INV-7" } else { "SRV-9" };
        let line = Line::new("expect", "01 02 PP PP 01 04 00*8").on(&connection.name);
        let line = if turns > 1 { line.with("within", format!("patience * {turns}")) } else { line };
        self.lines.push(line.charged(id, content));
        self.replied(peer, turns);
    }

    fn replied(&mut self, peer: Peer, turns: usize) {
        self.begun += 1;
        let test = self.test(peer);
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.in_test = true;
        // With Done sent already the port may be gone again; with others about, it may be another one's.
        if turns > 1 || connection.heard() != Heard::Request {
            return;
        }
        match test.filter(|_| self.measures) {
            Some(test) => {
                self.lines
                    .push(Line::new("test_port", "open").with("over", over(test)).charged("DAT-1", "DAT-1"));
            }
            None => self.lines.push(Line::new("announced", "big-endian").charged("SRV-3", "SRV-3")),
        }
    }

    fn closed(&mut self, peer: Peer) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.state = State::Over;
        let (heard, tested, ended, name) =
            (connection.heard(), connection.in_test, connection.ended, connection.name.clone());
        match heard {
            Heard::Done | Heard::More => {
                self.served += 1;
                self.trouble = match (heard, ended) {
                    (Heard::More, _) => Some("INV-7"),
                    (_, true) => Some("ABR-5"),
                    _ => self.trouble,
                };
                if heard == Heard::Done && !ended {
                    self.trouble = None;
                }
            }
            _ => self.trouble = Some(rules::aftermath(heard, false)),
        }
        if tested && self.measures {
            self.port_is_free(&name, peer);
        }
    }

    /// Brings every connection to its end, and returns the steps of the whole conversation.
    pub fn finish(mut self) -> Ended {
        while !self.interrupted {
            self.collect();
            let Some(first) = self.holder().or_else(|| self.first()) else { break };
            let connection = &self.connections[&first];
            match (connection.heard(), connection.ended) {
                (Heard::Request, false) => self.send(first, &[vec![1, 3]]),
                (Heard::PartOfDone, false) => self.send(first, &[vec![3]]),
                (
                    Heard::Nothing
                    | Heard::PartOfRequest
                    | Heard::PartOfWrongRequest
                    | Heard::PartOfWrongDone,
                    false,
                ) if self.alive().count() == 1
                    && !(connection.heard() == Heard::PartOfWrongDone && !connection.in_test) =>
                {
                    self.apply(&Stimulus::HalfClose(first));
                }
                _ => self.leave(first, false),
            }
        }
        Ended {
            lines: self.lines,
            begun: self.counted.then_some(self.begun),
            blame: self.trouble.unwrap_or("SRV-7"),
            visits: self.visits,
            interrupted: self.interrupted,
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

/// Whether this connection's test takes such data now.
fn takes(connection: &Connection, load: Load) -> bool {
    let Some(test) = connection.test() else { return false };
    let ready = connection.takes_data
        && connection.in_test
        && !connection.ended
        && connection.heard() == Heard::Request;
    ready
        && match load {
            Load::Messages(..) => matches!(test, TestType::TcpStream | TestType::UdpStream),
            Load::RoundTrips(..) => matches!(test, TestType::TcpRr | TestType::UdpRr),
            Load::InFlight(_) | Load::Strangers(_) => test == TestType::UdpStream,
        }
}

fn over(test: TestType) -> &'static str {
    match test {
        TestType::TcpStream | TestType::TcpRr => "tcp",
        TestType::UdpStream | TestType::UdpRr => "udp",
    }
}
