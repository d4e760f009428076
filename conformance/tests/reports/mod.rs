//! The reports as their readers meet them: each format from one hand-written run, with what a hostile
//! target can put into it, through the public parser of its kind, and from the real runner. It is for whoever changes a
//! format.

mod commands;
mod formats;
mod gradebook;
mod hostile;
mod packets;
mod parsers;
mod real_runs;
mod same_problems;
mod sample;
mod schema;
mod unsure;
