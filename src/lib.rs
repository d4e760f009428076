//! A network tester: a client and a server that agree on a test over a control connection, and run it over another.
//!
//! The modules, from the top down: an import always points down this list.
//!
//! - [`run_from`]: one whole run of the program.
//! - `control`: the control thread. Sockets, the clock, the interrupt; the server's loop and the client's run.
//! - `report`: the figures of a test, as text and as JSON.
//! - `intervals`: what was counted in each interval.
//! - `data`: the data thread, started and stopped by the control thread, and the test's own socket.
//! - [`cli`]: the command line, read into a [`cli::Config`].
//! - [`protocol`]: what the messages are and what each side does next, without any I/O.
//! - `tally`: what one half of a test counted.
//! - `dial`, `output`, `wait`, `interrupt`: how a connection begins, the one place that prints, the one that sleeps, the one
//!   that hears Ctrl-C.

pub mod cli;
mod control;
mod data;
mod dial;
mod interrupt;
mod intervals;
mod output;
pub mod protocol;
mod report;
mod tally;
mod wait;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{ClientConfig, Config, ServerConfig};
use control::client::{self, ClientError};
use control::server::{self, ServerError};
use interrupt::Interrupt;
use output::Voice;
use wait::Stop;

/// The exit status of a test that failed, or of a server that could not listen.
pub const EXIT_FAILURE: u8 = 1;
/// The exit status of a client that was interrupted: 128 and the number of SIGINT, as shells count.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Runs the program on a whole command line (its name first) until it ends. Once per process, because it takes over the
/// interrupt.
///
/// The status is 0 when the test is done, the server was interrupted, or help was asked for; [`EXIT_FAILURE`] when the
/// test failed; 2 when the command line is wrong; [`EXIT_INTERRUPTED`] when the client was interrupted.
pub fn run_from<I, T>(args: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let config = match Config::parse_from(args) {
        Ok(config) => config,
        Err(usage) => {
            // The reader may close the help early (`| head`). That is not an error.
            let _unread = usage.print();
            return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(&error),
    };
    match config {
        Config::Client(config) => run_client(&config, &interrupt),
        Config::Server(config) => run_server(&config, &interrupt),
    }
}

fn run_client(config: &ClientConfig, interrupt: &Interrupt) -> ExitCode {
    match client::run(config, interrupt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ClientError::Stop(Stop::Interrupted)) => {
            let voice = if config.json { Voice::Err } else { Voice::Out };
            voice.say("Exiting Client");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => failed(&error),
    }
}

fn run_server(config: &ServerConfig, interrupt: &Interrupt) -> ExitCode {
    let Err(error) = server::run(config, interrupt);
    if !matches!(error, ServerError::Stop(Stop::Interrupted)) {
        return failed(&error);
    }
    output::say("Exiting Server");
    ExitCode::SUCCESS
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    output::diagnose(error);
    ExitCode::from(EXIT_FAILURE)
}
