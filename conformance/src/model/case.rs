//! One conversation, ready to be played: what the tester is started as, with which arguments, and the steps.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::data;
use crate::model::requirement::RequirementId;
use crate::model::step::{self, Step};

/// What the tester is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The tester serves, the runner is its client.
    Server,
    /// The tester is the client, the runner serves.
    Client,
    /// Only the invocation is of interest.
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
    /// What the runner's test port does with data; `None`: takes it at a gentle pace, and measures nothing.
    #[serde(default)]
    pub data: Option<data::PortMode>,
    /// The steps in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// A server's case without steps, for tests of what becomes of cases.
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

    /// Whether only its invocation is judged, so that a program at work shows that it took its arguments.
    pub fn is_to_be_refused(&self) -> bool {
        self.role == Role::Command
    }

    /// How long the case waits even when all goes well.
    pub fn least_wait(&self) -> Duration {
        // A wait counts from the last byte sent, so a silence before a due close is part of the same wait.
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
