//! The control thread: it owns the sockets, the clock and the interrupt, and plays what the state machines of
//! `crate::protocol::session` decide.

pub(crate) mod client;
mod connect;
mod connection;
mod resolve;
pub(crate) mod server;
