//! The reports: each format from one hand-written run, with the output of a hostile target, through the public parser
//! of the format, and from the real runner. For changes to a format.

mod commands;
mod formats;
mod gradebook;
mod hostile;
mod packets;
mod parsers;
mod real_runs;
mod resume;
mod same_problems;
mod sample;
mod schema;
mod unsure;
