//! Which transitions of the models were tried, and which were not, as a table that can be read.

use std::collections::BTreeMap;

use super::play::Visits;
use super::rules::{Heard, Told, client_interrupt, silence};
use super::server::Input;
use crate::model::explored::{CoverageRow, CoverageTable};

/// How often each transition was tried.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    server: BTreeMap<(Heard, Input), usize>,
    client: BTreeMap<(Told, Input), usize>,
}

impl Coverage {
    /// Adds what a case tried.
    pub fn add(&mut self, visits: &Visits) {
        for visit in &visits.server {
            *self.server.entry((visit.heard, visit.input)).or_default() += 1;
        }
        for visit in &visits.client {
            *self.client.entry((visit.told, visit.input)).or_default() += 1;
        }
    }

    /// The table for a server; without `measures` no data is moved.
    pub fn of_server(&self, measures: bool) -> CoverageTable {
        let row = |heard: &Heard| CoverageRow {
            state: heard.words().to_owned(),
            tried: Input::ALL
                .iter()
                .map(|input| {
                    let possible =
                        can_happen_to_server(*heard, *input) && (measures || *input != Input::Data);
                    possible.then(|| self.server.get(&(*heard, *input)).copied().unwrap_or_default())
                })
                .collect(),
        };
        table("the server has received", Heard::ALL.iter().map(row))
    }

    /// The table for a client.
    pub fn of_client(&self) -> CoverageTable {
        let row = |told: &Told| CoverageRow {
            state: told.words().to_owned(),
            tried: Input::ALL
                .iter()
                .map(|input| {
                    can_happen_to_client(*told, *input)
                        .then(|| self.client.get(&(*told, *input)).copied().unwrap_or_default())
                })
                .collect(),
        };
        table("the client has received", Told::ALL.iter().map(row))
    }
}

fn table(states: &str, rows: impl Iterator<Item = CoverageRow>) -> CoverageTable {
    let inputs = Input::ALL.iter().map(|input| input.words().to_owned()).collect();
    CoverageTable { states: states.to_owned(), inputs, rows: rows.collect() }
}

fn can_happen_to_server(heard: Heard, input: Input) -> bool {
    match input {
        Input::Bytes => !heard.ends_by_itself(),
        Input::Rest | Input::Interrupt => heard.waits_for_more(),
        Input::Silence => silence(heard, true).is_some(),
        Input::Data => heard == Heard::Request,
        Input::HalfClose | Input::Close | Input::Reset => true,
    }
}

fn can_happen_to_client(told: Told, input: Input) -> bool {
    match input {
        Input::Bytes => matches!(told, Told::Nothing | Told::PartOfReply | Told::PartOfResults),
        Input::Rest => matches!(told, Told::Nothing | Told::PartOfReply),
        Input::Close => !matches!(told, Told::Reply | Told::WrongReply | Told::WrongResults),
        Input::Reset => matches!(told, Told::Nothing | Told::PartOfReply | Told::PartOfResults),
        Input::Interrupt => client_interrupt(told).is_some(),
        Input::Data | Input::Silence | Input::HalfClose => false,
    }
}
