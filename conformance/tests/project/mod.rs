//! Rules of the project itself, which need no run: the catalogue and the conversations know each other, and the rooms of
//! both programs import only what stands below them. It is for whoever adds a requirement, a case or a module.

mod catalogue;
mod house;
