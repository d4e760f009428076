//! The judge against transcripts in a short notation. For every action: what holds, what does not, and the last moment
//! between the two. The tables are the specification of the steps.

mod charging;
mod connection_steps;
mod data_steps;
mod notation;
mod output_steps;
mod process_steps;
mod whole;
