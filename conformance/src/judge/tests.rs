//! The judge against transcripts that are told in words: every action with what holds, what does not,
//! and the last moment between the two. The tables read as the specification of the steps.

mod charging;
mod connection_steps;
mod data_steps;
mod output_steps;
mod process_steps;
mod telling;
mod whole;
