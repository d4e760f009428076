//! Stage 1, between the runner and the worker. It makes the namespaces and starts the worker as the first process in
//! them. It exits with the worker's status. Serves `isolate::dispatch`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{getegid, geteuid, getpid};

use super::{IS_WORKER, IsolationError, STAGE_FAILED, prepare_inside};
use crate::stage::sys::{self, Forked};

/// Stage 1 of a worker.
pub(super) const ISOLATE: &str = "conformance-isolate";
/// Stage 1 of a probe.
pub(super) const PROBE: &str = "conformance-probe";

pub(super) fn dispatch() -> Option<ExitCode> {
    let outcome = match env::args_os().next()?.to_str()? {
        ISOLATE => match run() {
            Ok(None) => {
                IS_WORKER.store(true, Ordering::Relaxed);
                return None;
            }
            Ok(Some(status)) => Ok(status),
            Err(error) => Err(error),
        },
        PROBE => run().and_then(|status| match status {
            None => prepare_inside(Path::new("/"), &[]).map(|_| 0),
            Some(status) => Ok(status),
        }),
        _ => return None,
    };
    Some(ExitCode::from(outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}");
        STAGE_FAILED
    })))
}

/// Fails unless this is the first process of its pid namespace, as after stage 1.
pub(super) fn expect_first_process() -> Result<(), IsolationError> {
    if getpid().as_raw() == 1 { Ok(()) } else { Err(IsolationError::NotInside) }
}

/// Returns `None` in the first process of the new namespaces, and that process's exit status in this one.
fn run() -> Result<Option<u8>, IsolationError> {
    enter_namespaces()?;
    let start = "start the first process of a pid namespace";
    let first = match sys::fork(STAGE_FAILED).map_err(IsolationError::refused(start))? {
        Forked::Child => return Ok(None),
        Forked::Parent(first) => first,
    };
    let code = loop {
        match waitpid(first, None) {
            Ok(WaitStatus::Exited(_, code)) => break code,
            Ok(WaitStatus::Signaled(_, signal, _)) => break 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(IsolationError::Refused { step: start, source: error.into() }),
        }
    };
    // A status is 0 to 255, and 128 + a signal's number is at most 192.
    Ok(Some(u8::try_from(code).unwrap_or(STAGE_FAILED)))
}

/// The user namespace gives the right to make the others. Its only user is the caller, as user 0. That needs no
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
    // A change of credentials may clear this setting, so it is set again.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(IsolationError::refused("die with the runner"))?;
    let write = |file: &str, text: String| {
        fs::write(Path::new("/proc/self").join(file), text).map_err(IsolationError::refused("map the user"))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("0 {user} 1"))?;
    write("gid_map", format!("0 {group} 1"))
}
