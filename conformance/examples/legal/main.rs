//! The legal tester: the counterpart of the mutant. For the runner's own tests.
//!
//! Without `--variant` it is a plain right tester of both parts. Each `--variant NAME` (they can be combined) does one
//! thing in another way that the specification allows, like other languages, runtimes and people. Search these files
//! for a name to see what it does; `variants.toml` says why it is legal. It was written from `spec/` and the course
//! documents, and shares no code with the reference.

mod child;
mod cli;
mod client;
mod control;
mod ended;
mod interrupt;
mod manners;
mod output;
mod server;
mod stop;
mod variants;
mod wait;
mod wire;

use std::process::ExitCode;

use cli::{Asked, Mode};
use ended::Ended;

fn main() -> ExitCode {
    let status = play();
    output::flush();
    status
}

fn play() -> ExitCode {
    let asked = match cli::parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(status) => return ExitCode::from(status),
    };
    match asked {
        Asked::Help => {
            manners::start();
            output::about(cli::HELP);
            ExitCode::SUCCESS
        }
        Asked::Version => {
            manners::start();
            output::about("legal tester 1.0");
            ExitCode::SUCCESS
        }
        Asked::Wrong(reason) => {
            manners::start();
            output::complain(&reason);
            ExitCode::from(output::status_of_usage())
        }
        Asked::Session(options) => server::serve_stdin(&options),
        Asked::Helper => manners::help_until_end_of_file(),
        Asked::Run(options) => run(&options),
    }
}

fn run(options: &cli::Options) -> ExitCode {
    // Before any other thread starts: they inherit the mask.
    interrupt::watch(options.mode);
    manners::start();
    let _helper = manners::helper();
    let outcome = match options.mode {
        Mode::Server => server::run(options),
        Mode::Client => client::run(options),
    };
    match outcome {
        Ok(()) => {
            interrupt::hook(options.mode);
            ExitCode::SUCCESS
        }
        Err(Ended::Interrupted) => interrupt::leave(options.mode),
        Err(ended) => {
            output::failed(&ended);
            interrupt::hook(options.mode);
            ExitCode::from(ended.status())
        }
    }
}
