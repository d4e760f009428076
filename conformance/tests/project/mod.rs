//! Rules of the project itself, without a run: the catalogue and the conversations fit together, and the rooms of both
//! programs import only rooms below them. For changes to requirements, cases and modules.

mod catalogue;
mod house;
