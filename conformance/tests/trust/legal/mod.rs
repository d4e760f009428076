//! Verdicts are right for every legal tester: the variants of `examples/legal`, alone and combined, are graded for both
//! parts, and play with each other. Only what a variant declares may fail.
//!
//! Environment variables choose what is played:
//!
//! * nothing: all variants, packed into as few combinations of up to six as possible. They divide one case for each set
//!   of requirements among them. Each also plays as a client with one server, and as a server with one client.
//! * `LEGAL_GALLERY=alone`: each variant alone, graded with every case, those of a minute included.
//! * `LEGAL_GALLERY=300`: so many random combinations of up to six, every second one a tester of Part 1, graded with
//!   every case of its part. The seed is printed; `LEGAL_SEED=N` plays those of that seed again.
//! * `LEGAL_GALLERY=packed`: the packed combinations, graded with every case.
//! * `LEGAL_VARIANTS=a,b,c`: this one combination, graded with every case.
//! * `LEGAL_WITHOUT=a,b,c`: without these variants, such as those that are known to fail.
//! * `LEGAL_QUICK=1` with one of these: without the cases that wait for more than five seconds.
//! * `LEGAL_PAIRS=all`: each variant alone, as a client with every server and as a server with every client; the name
//!   of a variant instead of `all`: its pairs alone.
//!
//! A combination that fails is played again with fewer and fewer variants. The shortest that still fails is reported.
//! `cargo test --workspace --test suite legal -- --nocapture` shows the counts of what was judged and what was
//! inconclusive.

mod combinations;
mod gallery;
mod grading;
mod pairs;
mod verdicts;
