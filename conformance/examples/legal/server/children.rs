//! A process for each session, which is waited for. It serves the server.

use std::{
    net::TcpStream,
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, ExitCode},
    sync::Mutex,
    time::Duration,
};

use nix::sys::{prctl, signal::Signal};

use super::{listen::Listeners, session, status};
use crate::{cli::Options, ended::Ended, interrupt, manners, output, variants::chosen, wait};

/// How often the parent looks whether its child has ended.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// The child of now: it must end with the server.
static CHILD: Mutex<Option<Child>> = Mutex::new(None);

pub(super) fn run(options: &Options, listeners: &mut Listeners) -> Result<(), Ended> {
    loop {
        let client = listeners.accept()?;
        manners::session_begins();
        match start(options, client) {
            Ok(child) => *CHILD.lock().map_err(|_| Ended::Interrupted)? = Some(child),
            Err(error) => output::complain(&format!("Error: no process for a session: {error}")),
        }
        while runs() {
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

fn runs() -> bool {
    let Ok(mut child) = CHILD.lock() else { return false };
    let ended = child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
    if ended {
        *child = None;
    }
    !ended
}

/// Ends the session of now, if a process serves it.
pub(crate) fn end_children() {
    if let Ok(mut child) = CHILD.lock()
        && let Some(mut child) = child.take()
    {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The child: serves the client that is its standard input.
pub(crate) fn serve_stdin(options: &Options) -> ExitCode {
    interrupt::leave_to_parent();
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let Ok(client) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    // Two descriptors would keep the connection open after a close.
    let Ok(nothing) = std::fs::File::open("/dev/null") else { return ExitCode::FAILURE };
    let _ = nix::unistd::dup2_stdin(nothing);
    status(session::serve(options, TcpStream::from(client)))
}
