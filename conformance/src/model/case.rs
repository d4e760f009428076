//! One conversation, ready to be played: what the tester is started as, with which arguments, and the steps.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::data;
use crate::model::requirement::RequirementId;
use crate::model::step::{self, Step};
use crate::model::tolerance::MOMENT;

/// What the tester is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The tester serves, the runner is its client.
    Server,
    /// The tester is the client, the runner serves.
    Client,
    /// The case judges only what the tester does with its arguments.
    Command,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Command => "command",
        })
    }
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How the tester is called, and what it does with its arguments.
    Invocation,
    /// The control connection.
    Control,
    /// Test data, and what the tester reports about it.
    Data,
}

/// A type of test, with its byte in a Request (P3, Message Format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TestType {
    /// 1
    #[serde(rename = "TCP_STREAM")]
    TcpStream = 1,
    /// 2
    #[serde(rename = "TCP_RR")]
    TcpRr = 2,
    /// 3
    #[serde(rename = "UDP_STREAM")]
    UdpStream = 3,
    /// 4
    #[serde(rename = "UDP_RR")]
    UdpRr = 4,
}

impl TestType {
    /// Every type, with the name that the option `--test` takes for it (P3, Command Line), in the order of their bytes.
    pub const ALL: [(&str, Self); 4] = [
        ("TCP_STREAM", Self::TcpStream),
        ("TCP_RR", Self::TcpRr),
        ("UDP_STREAM", Self::UdpStream),
        ("UDP_RR", Self::UdpRr),
    ];

    /// As the option `--test` takes it.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize - 1].0
    }

    fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().map(|(_, test)| test).find(|test| *test as u8 == byte)
    }

    /// The test that a client with these arguments asks for: without `--test`, TCP_STREAM (P3, Command Line).
    pub fn of_client(args: &[String]) -> Option<Self> {
        let mut args = args.iter().rev().map(String::as_str);
        let mut behind = None;
        let value = loop {
            match args.next() {
                None => break "TCP_STREAM",
                Some("--test") => break behind.unwrap_or_default(),
                Some(arg) if arg.starts_with("--test=") => break &arg["--test=".len()..],
                other => behind = other,
            }
        };
        Self::ALL.into_iter().find(|(name, _)| *name == value).map(|(_, test)| test)
    }

    /// The test that these first bytes of a client ask for, if they are a Request of version 1.
    pub fn of_request(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [1, 1, test, ..] => Self::of_byte(*test),
            _ => None,
        }
    }
}

/// What a case cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// A network of its own.
    Namespace,
    /// An IPv6 loopback.
    Ipv6,
}

/// One conversation, ready to be played.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// The path of its file without the extension, and the matrix values in brackets.
    pub id: String,
    /// One sentence: what holds when it passes.
    pub summary: String,
    /// The requirements that it is evidence for.
    pub requirements: Vec<RequirementId>,
    /// What the tester is started as.
    pub role: Role,
    /// The tester's arguments.
    pub args: Vec<String>,
    /// Whether the runner listens on the control port.
    pub listen: bool,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    /// Whether it loads the processor and measures.
    pub exclusive: bool,
    /// What the runner's test port does with data. `None`: it reads the data slowly and measures nothing.
    #[serde(default)]
    pub data: Option<data::PortMode>,
    /// The steps in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// A server's case without steps, for tests.
    #[cfg(test)]
    pub(crate) fn without_steps(id: &str, requirements: Vec<RequirementId>) -> Self {
        Self {
            id: id.to_owned(),
            summary: String::new(),
            requirements,
            role: Role::Server,
            args: Vec::new(),
            listen: false,
            needs: Vec::new(),
            exclusive: false,
            data: None,
            steps: Vec::new(),
        }
    }

    /// What the case is about.
    pub fn kind(&self) -> Kind {
        let of_data = |step: &Step| matches!(step.action, step::Action::Data(_));
        match self.role {
            Role::Command => Kind::Invocation,
            _ if self.steps.iter().any(of_data) => Kind::Data,
            _ => Kind::Control,
        }
    }

    /// The test that the client asks for in the first session, if it does.
    pub fn test(&self) -> Option<TestType> {
        let sent = || {
            self.steps.iter().find_map(|step| match &step.action {
                step::Action::Send(outgoing) => Some(outgoing.materialise(0, 0, |_| ()).concat()),
                _ => None,
            })
        };
        match self.role {
            Role::Command => None,
            Role::Client => TestType::of_client(&self.args),
            Role::Server => TestType::of_request(&sent()?),
        }
    }

    /// Whether the tester must refuse its arguments. If it starts to work, it has accepted them.
    pub fn is_to_be_refused(&self) -> bool {
        self.role == Role::Command
    }

    /// Whether it may be played in a network where other cases were played before: it moves no data that is measured,
    /// and needs no processor for itself.
    pub fn may_share_a_network(&self) -> bool {
        !self.exclusive && self.data.is_none() && self.kind() != Kind::Data
    }

    /// Whether it may be played on a server process that has just played `earlier`: both are the same conversation with
    /// other values, so each conversation is also played on a fresh start. Nothing in it depends on what the process
    /// printed or held before, or ends it. That one session must not change the next follows from SER-1 and ABR-1.
    pub fn may_follow(&self, earlier: &Self) -> bool {
        let file = |case: &Self| case.id.split('[').next().map(str::to_owned);
        self.leaves_its_server_free()
            && earlier.leaves_its_server_free()
            && (file(self), &self.args, &self.needs) == (file(earlier), &earlier.args, &earlier.needs)
    }

    fn leaves_its_server_free(&self) -> bool {
        let harmless = |(index, step): (usize, &Step)| match &step.action {
            step::Action::Start => index == 0,
            step::Action::Connect(_)
            | step::Action::Send(_)
            | step::Action::Closed(step::Close::Within(_))
            | step::Action::Shutdown
            | step::Action::Close
            | step::Action::Reset
            | step::Action::Unprinted { .. }
            | step::Action::NoTrace
            | step::Action::Announced => true,
            step::Action::Silent(time) => *time <= MOMENT,
            step::Action::Expect { not_before, .. } => not_before.is_zero(),
            _ => false,
        };
        self.role == Role::Server
            && self.may_share_a_network()
            && self.steps.iter().enumerate().all(harmless)
            && matches!(self.steps.first(), Some(Step { action: step::Action::Start, .. }))
    }

    /// How long the case waits even when all goes well.
    pub fn least_wait(&self) -> Duration {
        // A wait counts from the last byte sent. So a silence before a close is part of the same wait.
        let mut total = Duration::ZERO;
        let mut running = Duration::ZERO;
        for step in &self.steps {
            match step.action {
                step::Action::Closed(step::Close::At { due, .. }) => running = running.max(due),
                step::Action::Send(_) | step::Action::Connect(_) => {
                    total += running;
                    running = Duration::ZERO;
                }
                step::Action::Expect { not_before, .. } => running = running.max(not_before),
                _ => running += step.action.facts().least_wait,
            }
        }
        total + running
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::by_default("--client --target=a", Some(TestType::TcpStream))]
    #[case::in_one_word("--client --test=UDP_RR --time=1", Some(TestType::UdpRr))]
    #[case::in_two_words("--client --test TCP_RR --time=1", Some(TestType::TcpRr))]
    #[case::the_last_one_counts("--test=UDP_RR --test=UDP_STREAM", Some(TestType::UdpStream))]
    #[case::none("--test=udp_rr", None)]
    #[case::missing("--client --test", None)]
    fn a_client_asks_for_a_test(#[case] args: &str, #[case] test: Option<TestType>) {
        let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
        assert_eq!(TestType::of_client(&args), test);
    }

    #[rstest]
    #[case(&[1, 1, 4], Some(TestType::UdpRr))]
    #[case(&[1, 1, 4, 1, 3], Some(TestType::UdpRr))]
    #[case(&[2, 1, 4], None)]
    #[case(&[1, 1, 5], None)]
    #[case(&[1, 1], None)]
    fn a_request_asks_for_a_test(#[case] bytes: &[u8], #[case] test: Option<TestType>) {
        assert_eq!(TestType::of_request(bytes), test);
    }
}
