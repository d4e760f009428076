//! A network, a process table and a disk of its own for each case, for `run` (which starts workers) and `worker`
//! (which is one). A worker begins as this executable under another name, and is a copy of that process:
//!
//! ```text
//! runner ── stage 1 ("conformance-isolate": makes the namespaces, waits) ── worker (pid 1)
//! ```
//!
//! On the host there is no stage, and the worker is this executable under the name "conformance-worker".
//!
//! It protects the machine and the other cases from a target's accidents. It is no wall against an attacker: a
//! target may still read what its user may read.

#[cfg(target_os = "linux")]
mod address;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod mountinfo;
#[cfg(target_os = "linux")]
mod stage;

use std::io;
use std::net::ToSocketAddrs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::model::place::{ADDRESS, HOST_NAME, Isolation};
use crate::stage::sys::ChildSetup;

/// The name (`argv[0]`) under which a worker on the host begins.
const WORKER: &str = "conformance-worker";

/// Exit status of a stage that could not do its work; one line on standard error says why. 125, as of `env` and `timeout`.
pub const STAGE_FAILED: u8 = 125;

/// What all that a target may write, in files of its own and in changes to existing ones, may take up, in bytes.
/// It is memory, and the cases run side by side.
pub const DISK_BYTES: u64 = 64 * 1024 * 1024;

/// Why there is no isolation.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// This system has no namespaces.
    #[error("namespaces exist on Linux only")]
    Unsupported,
    /// The kernel, or a policy of this machine, does not allow a step.
    #[error("cannot {step}: {source}")]
    Refused {
        /// What was tried, in the infinitive.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A stage ended badly; the line that it left.
    #[error("{0}")]
    Stage(String),
    /// The caller is not the first process of a pid namespace that [`worker_command`] made.
    #[error("not inside a namespace of our own")]
    NotInside,
    /// `main` did not call [`dispatch`]: re-executing this program would not give a stage but a second runner.
    #[error("this executable does not dispatch to its stages")]
    NotDispatched,
}

impl IsolationError {
    /// An adapter for `map_err`: `step` is what was tried.
    pub(crate) fn refused<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> IsolationError {
        move |source| IsolationError::Refused { step, source: source.into() }
    }
}

/// What [`prepare_inside`] reached. Everything that is not told here is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsideReport {
    /// `/proc` shows this namespace's processes alone. Otherwise it is the host's, read-only.
    pub own_proc: bool,
    /// The pseudo-terminals are this namespace's own.
    pub own_terminals: bool,
    /// [`ADDRESS_V6`](crate::model::place::ADDRESS_V6) and `::1` answer.
    pub ipv6: bool,
    /// The hosts file tells [`HOST_NAME`]; see [`host_name_resolves`].
    pub host_name: bool,
    /// Folders that the target may change; the changes go to memory and end with the case.
    pub writable: Vec<PathBuf>,
    /// What was refused and went without, one line each.
    pub refused: Vec<String>,
}

static DISPATCHED: AtomicBool = AtomicBool::new(false);
static IS_WORKER: AtomicBool = AtomicBool::new(false);
#[cfg(target_os = "linux")]
static INSIDE: AtomicBool = AtomicBool::new(false);
#[cfg(target_os = "linux")]
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// The first thing that `main` does, before any thread: when this process is a stage of the isolation, carries it
/// out and gives the status to exit with. `None` says that this is a runner, or a worker (see [`is_worker`]).
pub fn dispatch() -> Option<ExitCode> {
    DISPATCHED.store(true, Ordering::Relaxed);
    if std::env::args_os().next().is_some_and(|name| name == WORKER) {
        IS_WORKER.store(true, Ordering::Relaxed);
        return None;
    }
    #[cfg(target_os = "linux")]
    return stage::dispatch();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Whether this process is a worker, once it has been through [`dispatch`].
pub fn is_worker() -> bool {
    IS_WORKER.load(Ordering::Relaxed)
}

/// Whether this machine can make our namespaces, found out by making one and ending it.
///
/// # Errors
/// The first step that was refused.
pub fn probe() -> Result<(), IsolationError> {
    #[cfg(not(target_os = "linux"))]
    return Err(IsolationError::Unsupported);
    #[cfg(target_os = "linux")]
    {
        use std::process::Stdio;

        let output = own_command(stage::PROBE)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(IsolationError::refused("start a process"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(IsolationError::Stage(if said.is_empty() { output.status.to_string() } else { said }))
    }
}

/// A command that ends in this executable being a worker (see [`is_worker`]), in namespaces of its own or on the
/// host. Arguments, standard input and output are the caller's to set and arrive at the worker unchanged; so does
/// the worker's exit status (128 + the number of the signal that ended it; [`STAGE_FAILED`] when it was never reached).
///
/// The process and all below it die when the **thread** that spawns the command ends, or is killed: spawn and wait
/// in one thread. It leads a session of its own without a terminal, so that a Ctrl-C reaches the runner alone.
/// In host mode killing it kills the target itself, but not what the target started.
///
/// # Errors
/// [`IsolationError::NotDispatched`]; [`IsolationError::Unsupported`]; no descriptors left.
pub fn worker_command(isolation: Isolation) -> Result<Command, IsolationError> {
    match isolation {
        Isolation::Host => own_command(WORKER),
        #[cfg(target_os = "linux")]
        Isolation::Namespace => own_command(stage::ISOLATE),
        #[cfg(not(target_os = "linux"))]
        Isolation::Namespace => Err(IsolationError::Unsupported),
    }
}

/// In the worker, before anything else: arranges the namespaces that it finds itself in.
///
/// Afterwards the loopback is up and [`ADDRESS`] is there; the whole disk is read-only, but for `/tmp`, `/var/tmp`,
/// `/dev/shm`, `cwd` and each folder of `writable`, where changes go to [`DISK_BYTES`] of memory; what was in these
/// folders before is still seen. The process's working directory is `cwd`.
///
/// # Errors
/// A step that a fair judgement needs was refused. What can be done without is told in the report.
pub fn prepare_inside(cwd: &Path, writable: &[&Path]) -> Result<InsideReport, IsolationError> {
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (cwd, writable);
        Err(IsolationError::Unsupported)
    }
    #[cfg(target_os = "linux")]
    {
        let mut report = InsideReport::default();
        stage::expect_first_process()?;
        report.ipv6 = address::bring_up()?;
        disk::arrange(cwd, writable, &mut report)?;
        INSIDE.store(true, Ordering::Relaxed);
        ADOPTS.store(true, Ordering::Relaxed);
        Ok(report)
    }
}

/// Whether the resolver, as any program here meets it, finds [`HOST_NAME`]: `/etc/nsswitch.conf` may leave the hosts
/// file out, and a daemon may answer in its place.
pub fn host_name_resolves() -> bool {
    let found = (HOST_NAME, 0).to_socket_addrs();
    found.is_ok_and(|mut addresses| addresses.any(|address| address.ip() == ADDRESS))
}

/// In a worker on the host: makes it the parent of every orphan of its target (Linux), so that they are found.
///
/// # Errors
/// The kernel's refusal.
pub fn prepare_host() -> Result<(), IsolationError> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_child_subreaper(true).map_err(IsolationError::refused("adopt orphans"))?;
        ADOPTS.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether this process has its pid namespace to itself: whoever else is in it is the target's.
#[cfg(target_os = "linux")]
pub(crate) fn inside() -> bool {
    INSIDE.load(Ordering::Relaxed)
}

/// Whether the orphans of a target become children of this process, which has no others than its targets.
#[cfg(target_os = "linux")]
pub(crate) fn adopts() -> bool {
    ADOPTS.load(Ordering::Relaxed)
}

/// This executable once more, under the name `name`.
fn own_command(name: &str) -> Result<Command, IsolationError> {
    if !DISPATCHED.load(Ordering::Relaxed) {
        return Err(IsolationError::NotDispatched);
    }
    // The link, not the path behind it: it still works when the file was replaced by a new build meanwhile.
    #[cfg(target_os = "linux")]
    let executable = PathBuf::from("/proc/self/exe");
    #[cfg(not(target_os = "linux"))]
    let executable = std::env::current_exe().map_err(IsolationError::refused("find this executable"))?;
    let mut command = Command::new(executable);
    command.arg0(name);
    let setup = ChildSetup { new_session: true, dies_with_parent: true, ..ChildSetup::default() };
    setup.install(&mut command).map_err(IsolationError::refused("prepare a process"))?;
    Ok(command)
}
