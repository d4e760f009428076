//! What takes several steps at once: data of a test, sessions in a row, and the interrupt at the end.

use super::{Connection, Count, Input, REQUEST, Server};
use crate::explore::rules::{self, Heard};
use crate::explore::script::{Line, Value, hex, over};
use crate::explore::stimulus::{Load, Peer, Route};
use crate::model::case::TestType;

impl Server {
    pub(super) fn data(&mut self, peer: Peer, load: Load) {
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
                    Line::new("round_trips", format!("{count} of {length}"))
                        .with("over", over)
                        .charged(id, id),
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

    pub(super) fn leave_often(&mut self, sessions: usize, after: usize, reset: bool) {
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

    pub(super) fn sessions(&mut self, count: usize) {
        for index in 0..count {
            let test = ["TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"][index % 4];
            let id = self.blame("SRV-7");
            self.lines.push(Line::new("session", test).with("requirement", id));
            self.served += 1;
            self.begun += 1;
        }
    }

    pub(super) fn interrupt(&mut self) {
        let alive: Vec<Peer> = self.alive().collect();
        for peer in &alive {
            self.visit(*peer, Input::Interrupt);
        }
        // A client of whom a server may have got rid is no client any more.
        let idle = !alive.iter().any(|peer| self.heard(*peer).is_some_and(Heard::waits_for_more));
        let id = rules::server_interrupt(idle);
        self.interrupted = true;
        self.lines.push(Line::new("signal", "INT"));
        self.lines.push(Line::new("exits", "promptly").charged(id, id));
        self.lines.push(Line::new("prints", "Exiting Server").charged(id, id));
        self.lines.push(Line::set("no_trace").charged(id, id));
    }
}

/// Whether this connection's test takes such data now.
pub(super) fn takes(connection: &Connection, load: Load) -> bool {
    let Some(test) = connection.test() else { return false };
    // The runner sends its data over 127.0.0.1: beside a control connection that came another way it is a stranger's.
    let ready = connection.route == Route::Loopback
        && connection.in_test
        && !connection.ended
        && connection.heard() == Heard::Request
        // The runner counts datagrams from the opening of a connection on: before one that waited, others may have sent.
        && !connection.waited;
    ready
        && match load {
            Load::Messages(..) => matches!(test, TestType::TcpStream | TestType::UdpStream),
            Load::RoundTrips(..) => matches!(test, TestType::TcpRr | TestType::UdpRr),
            Load::InFlight(_) | Load::Strangers(_) => test == TestType::UdpStream,
        }
}
