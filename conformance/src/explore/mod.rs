//! Finds faults that no fixture was written for. In: a program and a time. Out: failures of conversations that were dealt
//! from a model of the protocol, confirmed on a fresh start and made as short as they can be. The model is `rules` (the
//! tables), `server` and `client` (what is due at each point); it is written from spec/ alone and knows neither the
//! reference's session code nor the judge. What it writes is read and played like any fixture. May import `run`, `stage`,
//! `fixture` and `model`.

pub mod client;
pub mod conversation;
pub mod coverage;
pub mod deal;
pub mod play;
pub mod rules;
pub mod script;
pub mod search;
pub mod server;
pub mod shrink;
pub mod stimulus;
pub mod strategy;
#[cfg(test)]
mod tests;

pub use play::{PlayError, Stage};
pub use search::{Exploration, Find, News, Wanted, explore};
