//! An explored conversation: what the runner does, and the model's steps for it. Plain data and pure functions.

use super::client::{self, Client, Setting};
use super::server::{self, Server};
use super::stimulus::Stimulus;
use crate::model::case::Role;

/// What the runner does in one conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// How the client is called, if the target is one.
    pub setting: Option<Setting>,
    /// Step by step.
    pub stimuli: Vec<Stimulus>,
}

/// The model of the target's role.
#[derive(Clone, Debug)]
pub enum Model {
    /// The target is a server.
    Server(Server),
    /// The target is a client.
    Client(Client),
}

impl Model {
    /// The model before the first stimulus. `prefix` comes before the names of connections.
    /// `begun`: how many tests a server has begun before, if that is sure.
    pub fn new(setting: Option<Setting>, measures: bool, prefix: &str, begun: Option<usize>) -> Self {
        match setting {
            None => Self::Server(Server::new(measures, prefix, begun)),
            Some(setting) => Self::Client(Client::new(setting)),
        }
    }

    /// Whether this can be done now.
    pub fn allows(&self, stimulus: &Stimulus) -> bool {
        match self {
            Self::Server(server) => server.allows(stimulus),
            Self::Client(client) => client.allows(stimulus),
        }
    }

    /// How many steps it has written.
    fn steps(&self) -> usize {
        match self {
            Self::Server(server) => server.steps(),
            Self::Client(client) => client.steps(),
        }
    }

    /// Does it.
    pub fn apply(&mut self, stimulus: &Stimulus) {
        match self {
            Self::Server(server) => server.apply(stimulus),
            Self::Client(client) => client.apply(stimulus),
        }
    }
}

impl Conversation {
    /// The role of the target.
    pub fn role(&self) -> Role {
        if self.setting.is_some() { Role::Client } else { Role::Server }
    }

    /// The same without what the model leaves out, and without what adds no step.
    pub fn without_idle_stimuli(&self, measures: bool) -> Self {
        let mut model = Model::new(self.setting, measures, "", Some(0));
        let mut stimuli = Vec::new();
        for stimulus in &self.stimuli {
            let before = model.steps();
            if model.allows(stimulus) {
                model.apply(stimulus);
            }
            if model.steps() > before {
                stimuli.push(stimulus.clone());
            }
        }
        Self { setting: self.setting, stimuli }
    }

    /// The whole conversation as steps. What cannot be done at its place is left out.
    /// `prefix` and `begun` are those of [`Model::new`].
    pub fn scripted(&self, measures: bool, prefix: &str, begun: Option<usize>) -> Scripted {
        let mut model = Model::new(self.setting, measures, prefix, begun);
        for stimulus in &self.stimuli {
            if model.allows(stimulus) {
                model.apply(stimulus);
            }
        }
        match model {
            Model::Server(server) => Scripted::Server(server.finish()),
            Model::Client(client) => Scripted::Client(client.finish()),
        }
    }
}

/// The steps of a whole conversation.
#[derive(Clone, Debug)]
pub enum Scripted {
    /// With a server.
    Server(server::Ended),
    /// With a client.
    Client(client::Ended),
}
