//! What is due to the clients of a server: it is waited for, in an order that no right server can be wrong in.

use super::{Connection, Count, Ended, Server, State};
use crate::explore::rules::{self, Duty, Heard, Message};
use crate::explore::script::{Line, Value, over};
use crate::explore::stimulus::{Peer, Stimulus};

impl Server {
    /// What is charged if the next client gets no answer: what went before it, if anything did.
    pub(super) fn blame(&self, otherwise: &'static str) -> &'static str {
        self.trouble.unwrap_or(otherwise)
    }

    fn reply_rests_on(&self, connection: &Connection) -> &'static str {
        let id = match connection.heard() {
            _ if connection.in_pieces => "SRV-8",
            Heard::Done | Heard::More => "SRV-9",
            _ if self.trouble.is_some() => self.blame("SRV-7"),
            _ if connection.waited => "SER-2",
            _ if self.served > 0 => "SRV-7",
            _ => "SRV-2",
        };
        connection.blames(id)
    }

    /// Waits for all that is due now.
    pub(super) fn collect(&mut self) {
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
        // If one of them came another way, that may be why it is not served.
        let id = alive.iter().fold(id, |id, peer| self.connections[peer].blames(id));
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
        let Some(mut duties) = self.connections.get(&peer).and_then(Connection::duties) else { return };
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
            match duty.message {
                Message::Reply => {
                    let id = self.reply_rests_on(connection);
                    let line = Line::new("expect", "01 02 PP PP").on(&connection.name);
                    self.lines.push(in_turn(line, turns).charged(id, "SRV-2"));
                    self.replied(peer, turns);
                }
                Message::Results => {
                    let (count, id, content) = match connection.count {
                        Count::Zero => ("00*8", duty.id, duty.content),
                        Count::Sent(id) => ("NN*8", id, id),
                    };
                    let line = Line::new("expect", format!("01 04 {count}")).on(&connection.name);
                    let id = connection.blames(id);
                    self.lines.push(in_turn(line, turns).charged(id, content));
                }
                Message::Close => {
                    let time = if turns > 1 { format!("patience * {turns}") } else { "promptly".to_owned() };
                    let line = Line::new("closed", time).on(&connection.name);
                    self.lines.push(line.charged(connection.blames(duty.id), duty.content));
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
        self.lines.push(in_turn(line, turns).charged(id, content));
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
        let (heard, tested, ended) = (connection.heard(), connection.in_test, connection.ended);
        match heard {
            Heard::Done | Heard::More => {
                self.served += 1;
                self.trouble = match (heard, ended) {
                    (Heard::More, _) => Some("INV-7"),
                    (_, true) => Some("ABR-5"),
                    _ => None,
                };
            }
            _ => self.trouble = Some(rules::aftermath(heard, false)),
        }
        if tested && self.measures {
            self.port_is_free(peer);
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
                    && (connection.in_test || connection.heard() != Heard::PartOfWrongDone) =>
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

/// A step that may have to wait until so many clients have been served.
fn in_turn(line: Line, turns: usize) -> Line {
    if turns > 1 { line.with("within", format!("patience * {turns}")) } else { line }
}
