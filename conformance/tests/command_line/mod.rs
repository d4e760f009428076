//! The command line: errors for bad input, lists, the results of a run and its exit status. For changes to an option or
//! a subcommand.

mod exits;
mod interrupts;
mod lists;
mod networks;
mod progress;
mod refusals;
