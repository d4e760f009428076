//! The conformance runner: plays byte-level conversations against a network tester and says,
//! requirement by requirement, what holds.
//!
//! The rooms, from the top of the house to its ground: an import points down this list, and a test says so.
//!
//! * [`commands`]: what a person can ask for
//! * [`grading`]: one target or many, from the options to the exit status
//! * [`report`]: what a run found, in each format
//! * [`diagnose`]: what is wrong with a program, and what it probably comes from
//! * [`explore`]: conversations that nobody wrote, dealt from a model of the protocol
//! * [`run`]: the cases of a plan, each in a worker process
//! * [`play`]: one conversation over real sockets
//! * [`judge`]: a conversation and its transcript become a verdict
//! * [`stage`]: where a target stands
//! * [`fixture`]: conversations as files, and the cases that they describe
//! * [`words`]: how bytes, steps and conversations are written for a reader
//! * [`model`]: the plain data of all of them

pub mod commands;
pub mod diagnose;
pub mod explore;
pub mod fixture;
pub mod grading;
pub mod judge;
pub mod model;
pub mod play;
pub mod report;
pub mod run;
pub mod stage;
pub mod words;
