//! The mutant tester: the mistakes that people make in this assignment. For the runner's own tests.
//!
//! Without `--fault` it is a right tester of Part 1 (control protocol, client and server; its data thread only waits).
//! With `--fault NAME` it makes exactly one mistake, at the line where that mistake would stand in a student's program:
//! search these files for the name. `faults.toml` lists each mistake and the requirements that it breaks.
//! It shares no code with the reference, so that an error there is not repeated here.

mod cli;
mod client;
mod crash;
mod data_thread;
mod faults;
mod interrupt;
mod output;
mod server;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os()) {
        Ok(options) => options,
        Err(status) => return status,
    };
    interrupt::watch(options.mode);
    match options.mode {
        cli::Mode::Server => server::run(&options),
        cli::Mode::Client => client::run(&options),
    }
}
