//! Where a target stands: its namespaces, its disk and limits, its start and its end, its output, and what the system's
//! tables say of it. All that is asked of the operating system beside a conversation's own sockets is asked here.

pub mod interrupt;
pub mod isolate;
pub mod netstat;
pub mod reference;
pub(crate) mod sys;
pub mod target;
