//! The runner as a person meets it: what each bad input gets, what it lists, what a run leaves and how it exits. It is for whoever
//! changes an option or a subcommand.

mod exits;
mod interrupts;
mod lists;
mod networks;
mod progress;
mod refusals;
