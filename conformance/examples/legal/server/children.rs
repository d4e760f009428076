//! A process for each session; the server waits for it. Serves the server.

use std::{
    net::TcpStream,
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, ExitCode},
    time::Duration,
};

use nix::sys::{prctl, signal::Signal};

use super::{listen::Listeners, session};
use crate::{child, cli::Options, ended::Ended, interrupt, manners, output, variants::chosen, wait};

/// How often the parent checks whether its child has ended.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

pub(super) fn run(options: &Options, listeners: &mut Listeners) -> Result<(), Ended> {
    loop {
        let client = listeners.accept()?;
        manners::session_begins();
        match start(options, client) {
            Ok(started) => child::put(started)?,
            Err(error) => output::complain(&format!("Error: no process for a session: {error}")),
        }
        while child::runs() {
            wait::pause(LOOKS_EVERY)?;
        }
    }
}

fn start(options: &Options, client: TcpStream) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(chosen().iter().map(|name| format!("--variant={name}")));
    command.arg(format!("--control-timeout={}", options.control_timeout.as_secs_f64()));
    command.args(["--serve-stdin", "--server"]).stdin(OwnedFd::from(client)).spawn()
}

/// The child: serves the client that is its standard input.
pub(crate) fn serve_stdin(options: &Options) -> ExitCode {
    interrupt::leave_to_parent();
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let Ok(client) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    // A second descriptor would keep the connection open after a close.
    let Ok(nothing) = std::fs::File::open("/dev/null") else { return ExitCode::FAILURE };
    let _ = nix::unistd::dup2_stdin(nothing);
    status(session::serve(options, TcpStream::from(client)))
}

/// The exit status of a process after its session.
fn status(outcome: Result<(), Ended>) -> ExitCode {
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
