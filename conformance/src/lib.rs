//! The conformance runner: plays byte-level conversations against a network tester and says,
//! requirement by requirement, what holds.
//!
//! One flow, read top-down: [`fixture`] files become the cases of a [`plan`]; [`run`] gives each to a
//! [`worker`] process, which isolates itself ([`isolate`]), starts the [`target`], plays the
//! [`conversation`] and asks the [`verdict`]; what comes out ([`outcome`]) is told as events
//! ([`event`]) to the reports ([`report`]), which say it in the words of [`explain`]. [`grade`] does that for a
//! folder of submissions, [`merge`] and [`diff`] work on the reports of runs that are over. [`spec`] is the
//! catalogue that all of it refers to, [`replay`] and [`reproduce`] are about a single case, and
//! [`tolerance`] the one place of its times.

pub mod baseline;
mod choice;
pub mod cli;
mod company;
pub mod conversation;
pub mod diff;
pub mod event;
pub mod exit;
pub mod explain;
pub mod figures;
pub mod fixture;
pub mod grade;
pub mod grading;
pub mod interrupt;
pub mod isolate;
pub mod merge;
pub mod netstat;
pub mod outcome;
pub mod page;
pub mod plan;
pub mod reference;
mod refusal;
pub mod repeat;
pub mod replay;
pub mod report;
pub mod reproduce;
mod room;
pub mod run;
mod slots;
pub mod spec;
mod sys;
pub mod target;
pub mod tolerance;
pub mod transcript;
pub mod vectors;
pub mod verdict;
pub mod worker;
