//! The gallery of wrong testers: each is caught by what it breaks, and called by its right name. `KILL_MATRIX=full` plays
//! every case with each of them, as a user does.

mod diagnosis;
mod gallery;
mod kill_matrix;
