//! The model of a client whose server the runner plays: after each stimulus it knows how the client must go on, and writes
//! the steps that say so. It demands only what the table of `rules` demands. Pure.

use super::rules::{self, Course, Told};
use super::script::{Line, hex, over};
use super::server::Input;
use super::stimulus::Stimulus;
use crate::model::case::TestType;

/// A client that is interrupted in its test has this `--time`, in seconds: much longer than any patience.
pub const LONG_TEST: u64 = 60;

/// What the runner's test port does in a conversation, and what must be true of the data (Part 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// The key `data` of the fixture.
    pub data: &'static str,
    /// A `data_seen` after Done, with its requirement.
    pub seen: Option<(&'static str, &'static str)>,
    /// A `reports` at the end, with its requirement.
    pub reports: Option<(&'static str, &'static str)>,
    /// The share of the datagrams that Results tells.
    pub share: Option<&'static str>,
}

const fn port(data: &'static str) -> Port {
    Port { data, seen: None, reports: None, share: None }
}

/// What the port may do in each test. A figure is judged at a pace that changes, at a time that is not 1 s, as in fixtures/.
pub fn ports(test: TestType) -> &'static [(u64, Port)] {
    const TCP_STREAM: [(u64, Port); 3] = [
        (1, port("take slowly")),
        (2, Port { seen: Some(("without pause", "DAT-3")), ..port("take slowly") }),
        (2, Port { reports: Some(("throughput", "DAT-11")), ..port("take, slowing after 300ms") }),
    ];
    const TCP_RR: [(u64, Port); 2] = [
        (1, Port { seen: Some(("one at a time", "DAT-5")), ..port("echo, holding every 10th for 20ms") }),
        (2, Port { reports: Some(("round trips", "DAT-12")), ..port("echo, slowing after 300ms") }),
    ];
    const UDP_STREAM: [(u64, Port); 3] = [
        (1, Port { seen: Some(("in datagrams of 1472", "DAT-4")), ..port("take") }),
        (1, Port { reports: Some(("loss", "DAT-13")), share: Some("75 percent"), ..port("take") }),
        (2, Port { reports: Some(("throughput", "DAT-11")), ..port("take") }),
    ];
    const UDP_RR: [(u64, Port); 4] = [
        (1, Port { seen: Some(("one at a time", "DAT-6")), ..port("echo, holding every 10th for 20ms") }),
        (2, Port { reports: Some(("round trips", "DAT-12")), ..port("echo, slowing after 300ms") }),
        (3, Port { reports: Some(("loss", "DAT-13")), ..port("echo, losing every 4th") }),
        (3, Port { seen: Some(("beyond a loss", "DAT-7")), ..port("echo, losing every 10th") }),
    ];
    match test {
        TestType::TcpStream => &TCP_STREAM,
        TestType::TcpRr => &TCP_RR,
        TestType::UdpStream => &UDP_STREAM,
        TestType::UdpRr => &UDP_RR,
    }
}

/// How a client is called in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `--test`
    pub test: TestType,
    /// `--time` in seconds.
    pub time: u64,
    /// The runner's test port, where data is judged.
    pub port: Option<Port>,
}

impl Setting {
    /// The client's arguments.
    pub fn args(&self) -> Vec<String> {
        let test = format!("--test={}", self.test.name());
        vec!["--client".to_owned(), "--target=127.0.0.1".to_owned(), test, format!("--time={}", self.time)]
    }
}

/// A transition of the model that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visit {
    /// What the client had been told.
    pub told: Told,
    /// What happened.
    pub input: Input,
}

/// The model, after a part of a conversation.
#[derive(Clone, Debug)]
pub struct Client {
    setting: Setting,
    bytes: Vec<u8>,
    /// How many bytes had been told when Done came.
    done: Option<usize>,
    left: bool,
    /// Reply, or Results, came in several segments.
    in_pieces: bool,
    /// Reply was held back.
    late: bool,
    interrupted: bool,
    /// Results told what came to the runner's port, so figures can be judged.
    tells_count: bool,
    lines: Vec<Line>,
    visits: Vec<Visit>,
}

impl Client {
    /// A client that has sent its Request.
    pub fn new(setting: Setting) -> Self {
        let request = format!("01 01 {:02x}", setting.test as u8);
        Self {
            setting,
            bytes: Vec::new(),
            done: None,
            left: false,
            in_pieces: false,
            late: false,
            interrupted: false,
            tells_count: false,
            lines: vec![Line::new("expect", request).charged("CLT-1", "CLT-1")],
            visits: Vec::new(),
        }
    }

    /// How many steps have been written.
    pub fn steps(&self) -> usize {
        self.lines.len()
    }

    /// What it has been told.
    pub fn told(&self) -> Told {
        Told::of(&self.bytes, self.done)
    }

    /// Whether this can be done now.
    pub fn allows(&self, stimulus: &Stimulus) -> bool {
        let told = self.told();
        if self.left || self.interrupted || matches!(told, Told::WrongReply | Told::WrongResults) {
            return false;
        }
        let in_test = told == Told::Reply;
        match stimulus {
            Stimulus::Send(..) => {
                !self.is_within_port()
                    && matches!(told, Told::Nothing | Told::PartOfReply | Told::PartOfResults)
            }
            Stimulus::Await => in_test,
            // After Done a client may half-close, which no silence tells from a close.
            Stimulus::Rest(..) => matches!(told, Told::Nothing | Told::PartOfReply),
            Stimulus::Close(_) | Stimulus::Reset(_) => {
                !in_test && (told != Told::Results || matches!(stimulus, Stimulus::Close(_)))
            }
            Stimulus::Interrupt => {
                rules::client_interrupt(told).is_some() && in_test == (self.setting.time == LONG_TEST)
            }
            _ => false,
        }
    }

    /// The runner's port has been begun. A fixture cannot send its second byte in another step.
    fn is_within_port(&self) -> bool {
        self.done.is_none() && self.bytes.len() == 3
    }

    fn visit(&mut self, input: Input) {
        self.visits.push(Visit { told: self.told(), input });
    }

    /// Does this in the model, and writes its steps.
    pub fn apply(&mut self, stimulus: &Stimulus) {
        match stimulus {
            Stimulus::Send(_, segments) => self.send(segments),
            Stimulus::Await => self.await_done(),
            Stimulus::Rest(_, milliseconds) => {
                self.visit(Input::Rest);
                self.late = true;
                self.lines.push(Line::new("silent", format!("{milliseconds}ms")).charged("CLT-13", "CLT-2"));
                if self.bytes.is_empty() {
                    self.lines.push(Line::new("unprinted", "Data thread opening").charged("CLT-3", "CLT-3"));
                }
            }
            Stimulus::Close(_) => self.leave("close", Input::Close),
            Stimulus::Reset(_) => self.leave("reset", Input::Reset),
            Stimulus::Interrupt => self.interrupt(),
            _ => {}
        }
    }

    fn send(&mut self, segments: &[Vec<u8>]) {
        self.visit(Input::Bytes);
        let before = self.bytes.len() - self.done.unwrap_or_default().min(self.bytes.len());
        self.in_pieces |= segments.len() > 1 || before > 0;
        let slices: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        // The port of a right Reply is the runner's own, and Results may tell its count: those bytes are placeholders.
        let written = self.written(&slices);
        let tells = written.contains("NN");
        self.tells_count |= tells;
        let line = Line::new("send", written);
        let share = self.setting.port.and_then(|port| port.share).filter(|_| tells);
        self.bytes.extend(segments.concat());
        self.lines.push(match share {
            Some(share) => line.with("results", share),
            None => line,
        });
    }

    /// Whether Results tells what came to the runner's port.
    fn counts(&self) -> bool {
        self.setting.port.is_some_and(|port| port.reports.is_some())
    }

    fn written(&self, segments: &[&[u8]]) -> String {
        let whole = segments.concat();
        if self.done.is_some()
            && self.counts()
            && whole.len() >= 10
            && segments.len() == 1
            && whole[..2] == [1, 4]
        {
            return format!("01 04 NN*8 {}", hex(&[&whole[10..]])).trim().to_owned();
        }
        let right_reply =
            self.done.is_none() && Told::of(&[&self.bytes[..], &whole].concat(), None) == Told::Reply;
        if !right_reply {
            return hex(segments);
        }
        let mut place = self.bytes.len();
        let write = |segment: &&[u8]| {
            let bytes = segment.iter().map(|byte| {
                place += 1;
                if place > 2 { "PP".to_owned() } else { format!("{byte:02x}") }
            });
            bytes.collect::<Vec<_>>().join(" ")
        };
        segments.iter().map(write).collect::<Vec<_>>().join(" | ")
    }

    fn await_done(&mut self) {
        let id = match () {
            () if self.in_pieces => "CLT-6",
            () if self.late => "CLT-13",
            () => "CLT-4",
        };
        self.in_pieces = false;
        let done = Line::new("expect", "01 03").with("not_before", "time").with("within", "time + patience");
        self.lines.push(done.charged(id, "CLT-4"));
        self.done = Some(self.bytes.len());
        let Some(port) = self.setting.port else { return };
        let over = format!("over {}", over(self.setting.test));
        self.lines.push(Line::new("data_seen", over).charged("DAT-2", "DAT-2"));
        if let Some((seen, id)) = port.seen {
            self.lines.push(Line::new("data_seen", seen).charged(id, id));
        }
    }

    fn leave(&mut self, key: &'static str, input: Input) {
        self.visit(input);
        self.left = true;
        self.lines.push(Line::set(key));
    }

    fn interrupt(&mut self) {
        self.visit(Input::Interrupt);
        let Some(id) = rules::client_interrupt(self.told()) else { return };
        self.interrupted = true;
        // Time for the data thread to begin, or for the client's next read.
        self.lines.push(
            Line::new("silent", "moment").charged(if id == "SIG-4" { "CLT-4" } else { "CLT-2" }, "CLT-2"),
        );
        self.lines.push(Line::new("signal", "INT"));
        self.lines.push(Line::new("exits", "promptly").charged(id, id));
        self.lines.push(Line::new("prints", "Exiting Client").charged(id, id));
        self.lines.push(Line::set("no_trace").charged(id, id));
    }

    /// Brings the conversation to its end, and returns its steps.
    pub fn finish(mut self) -> Ended {
        while !self.interrupted {
            let told = self.told();
            match rules::course(told, self.left) {
                Course::Fails { id } => {
                    self.fails(id);
                    break;
                }
                Course::Succeeds { id } => {
                    self.succeeds(id);
                    break;
                }
                Course::Measures if self.setting.time == LONG_TEST => self.interrupt(),
                Course::Measures => self.await_done(),
                Course::Waits { .. } if self.is_within_port() => self.leave("close", Input::Close),
                Course::Waits { .. } => {
                    let whole: &[u8] =
                        if self.done.is_some() { &[1, 4, 0, 0, 0, 0, 0, 0, 0, 0] } else { &[1, 2, 0, 0] };
                    let sent = self.bytes.len() - self.done.unwrap_or_default();
                    self.send(&[whole[sent..].to_vec()]);
                }
                Course::Open if self.left => break,
                Course::Open => self.leave("close", Input::Close),
            }
        }
        Ended { setting: self.setting, lines: self.lines, visits: self.visits }
    }

    fn fails(&mut self, id: &str) {
        self.lines.push(Line::new("exits", "promptly").with("status", "nonzero").charged(id, id));
        self.lines.push(Line::set("complains").charged(id, id));
        self.lines.push(Line::set("no_trace").charged(id, id));
    }

    fn succeeds(&mut self, id: &str) {
        let id = if self.in_pieces { "CLT-6" } else { id };
        self.lines.push(Line::new("exits", "promptly").with("status", "zero").charged(id, id));
        self.lines.push(Line::set("no_trace").charged(id, id));
        for line in ["Data thread opening", "Data thread closing"] {
            self.lines.push(Line::new("prints", line).with("times", 1).charged("CLT-3", "CLT-3"));
        }
        let count = self.done.and_then(|from| self.bytes.get(from + 2..from + 10));
        if let Some((figure, id)) = self.setting.port.and_then(|port| port.reports) {
            if !self.tells_count {
                return;
            }
            self.lines.push(Line::new("reports", figure).charged(id, id));
        } else if let Some(Ok(count)) = count.map(<[u8; 8]>::try_from)
            && self.setting.test == TestType::UdpStream
        {
            self.reports_count(u64::from_be_bytes(count));
        }
    }

    /// A large count is told whatever separates its digits, or a loss in percent is.
    fn reports_count(&mut self, count: u64) {
        let digits = count.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push_str(r"[,._'’\s]?");
            }
            grouped.push(digit);
        }
        let pattern = format!(r"(?:^|[^0-9]){grouped}(?:[^0-9]|$)|[0-9]\s*%");
        let id = if self.told() == Told::More { "CLT-11" } else { "CLT-7" };
        let line = Line::new("prints_match", pattern)
            .with("says", format!("the count {digits}, or a loss in percent"));
        self.lines.push(line.charged(id, id));
    }
}

/// A whole conversation with a client.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How the client is called.
    pub setting: Setting,
    /// Its steps.
    pub lines: Vec<Line>,
    /// What was tried.
    pub visits: Vec<Visit>,
}
