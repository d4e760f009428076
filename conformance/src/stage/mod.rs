//! The surroundings of a target: its namespaces, disk and limits, its start and end, its output, and what the system's
//! tables say about it. Except for the sockets of a conversation, most questions to the operating system are asked
//! here.

pub mod interrupt;
pub mod isolate;
pub mod netstat;
pub mod reference;
pub(crate) mod sys;
pub mod target;
