//! Gradings that prove the suite: the reference holds everything at the documents' own times, every mutant fails
//! what it breaks, and the report names the cause. They stand in one program because most of each is waiting:
//! side by side they take the time of the longest.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed, and says so at the right line"
)]

mod causes;
mod kill_matrix;
mod mutant;
mod reference;
mod scripted;
