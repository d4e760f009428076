//! The control protocol as data: what the four messages look like, how bytes become messages, and what either side
//! does next. Nothing here opens a socket, reads a clock or prints; the control thread in `crate::control` does.

pub mod fault;
pub mod field;
pub mod framing;
pub mod message;
pub mod session;
