//! How things are written for whoever reads: bytes with their fields, steps as sentences, a conversation as a ladder,
//! the width and the colours of a page. Takes plain data and gives text; it decides nothing.

pub mod annotate;
pub mod dialogue;
pub mod escape;
pub mod ladder;
pub(crate) mod message;
pub mod page;
pub mod steps;
pub(crate) mod trace;
