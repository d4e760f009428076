//! Plain data as text for a reader: bytes with their fields, steps as sentences, a conversation as a ladder, the width
//! and the colours of a page.

pub mod annotate;
pub mod dialogue;
pub mod escape;
pub mod explored;
pub mod found;
pub mod ladder;
pub(crate) mod message;
pub mod page;
pub mod steps;
pub(crate) mod trace;
