//! Stage 1, between the runner and the worker: makes the namespaces, starts the worker as the first process in
//! them, and passes its exit status on. Serves `isolate::dispatch`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getegid, geteuid, getpid};

use super::{IsolationError, STAGE_FAILED, WORKER, own_command, prepare_inside};

/// Stage 1 of a worker.
pub(super) const ISOLATE: &str = "conformance-isolate";
/// Stage 1 of a probe.
pub(super) const PROBE: &str = "conformance-probe";
/// What a probe ends in: it arranges its namespaces as a worker would, and ends.
const PROBED: &str = "conformance-probed";

pub(super) fn dispatch() -> Option<ExitCode> {
    let mut arguments = env::args_os();
    let name = arguments.next()?;
    let outcome = match name.to_str()? {
        ISOLATE => run(WORKER, arguments),
        PROBE => run(PROBED, arguments),
        PROBED => prepare_inside(Path::new("/"), &[]).map(|_| 0),
        _ => return None,
    };
    Some(ExitCode::from(outcome.unwrap_or_else(|error| {
        let _untold = writeln!(io::stderr(), "{error}");
        STAGE_FAILED
    })))
}

/// That this is the first process of its pid namespace, as stage 1 makes it.
pub(super) fn expect_first_process() -> Result<(), IsolationError> {
    if getpid().as_raw() == 1 { Ok(()) } else { Err(IsolationError::NotInside) }
}

fn run(next: &str, arguments: impl Iterator<Item = OsString>) -> Result<u8, IsolationError> {
    enter_namespaces()?;
    let status = own_command(next)?
        .args(arguments)
        .status()
        .map_err(IsolationError::refused("start the first process of a pid namespace"))?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    // A status is 0 to 255, and 128 and a signal's number is below that.
    Ok(u8::try_from(code).unwrap_or(STAGE_FAILED))
}

/// The user namespace gives the right to make the others. Its one user is the caller, seen as user 0: that takes no
/// privilege and no entry in /etc/subuid.
fn enter_namespaces() -> Result<(), IsolationError> {
    let (user, group) = (geteuid(), getegid());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(all).map_err(IsolationError::refused("make namespaces"))?;
    // A change of credentials may take the wish back; once more costs nothing.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(IsolationError::refused("die with the runner"))?;
    let write = |file: &str, text: String| {
        fs::write(Path::new("/proc/self").join(file), text).map_err(IsolationError::refused("map the user"))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("0 {user} 1"))?;
    write("gid_map", format!("0 {group} 1"))
}
