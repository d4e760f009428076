//! A network, a process table and a disk of its own for each case, for `run` (which starts workers) and `worker`
//! (which is one). A worker begins as this executable under another name, and is a copy of that process:
//!
//! ```text
//! runner ── stage 1 ("conformance-isolate": makes the namespaces, waits) ── worker (pid 1)
//! ```
//!
//! On the host there is no stage, and the worker is this executable under the name "conformance-worker".
//!
//! It protects the machine and the other cases from a target's mistakes. It gives no protection against an attacker:
//! a target may still read what its user may read.

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

/// The name (`argv[0]`) of a worker on the host.
const WORKER: &str = "conformance-worker";

/// Exit status of a stage that failed. One line on standard error says why. `env` and `timeout` use 125 too.
pub const STAGE_FAILED: u8 = 125;

/// The most bytes that a target may write, in new files and in changes to existing ones. They are kept in memory, and
/// many cases run at once.
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
        /// The step, in the infinitive.
        step: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
    /// A stage failed. This is its line on standard error, or its exit status.
    #[error("{0}")]
    Stage(String),
    /// The caller is not the first process of a pid namespace that [`worker_command`] made.
    #[error("not inside a namespace of our own")]
    NotInside,
    /// `main` did not call [`dispatch`]: this program, started again, would be a second runner and not a stage.
    #[error("this executable does not dispatch to its stages")]
    NotDispatched,
}

impl IsolationError {
    /// For `map_err`. `step` is what failed.
    pub(crate) fn refused<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> IsolationError {
        move |source| IsolationError::Refused { step, source: source.into() }
    }
}

/// What [`prepare_inside`] could set up. Everything that is not listed here is always set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsideReport {
    /// `/proc` shows this namespace's processes alone. Otherwise it is the host's, read-only.
    pub own_proc: bool,
    /// The pseudo-terminals are this namespace's own.
    pub own_terminals: bool,
    /// [`ADDRESS_V6`](crate::model::place::ADDRESS_V6) and `::1` answer.
    pub ipv6: bool,
    /// The hosts file contains [`HOST_NAME`]; see [`host_name_resolves`].
    pub host_name: bool,
    /// Folders that the target may change. The changes are kept in memory and are lost at the end of the case.
    pub writable: Vec<PathBuf>,
    /// What the system refused and the case does not need, one line each.
    pub refused: Vec<String>,
}

static DISPATCHED: AtomicBool = AtomicBool::new(false);
static IS_WORKER: AtomicBool = AtomicBool::new(false);
#[cfg(target_os = "linux")]
static INSIDE: AtomicBool = AtomicBool::new(false);
#[cfg(target_os = "linux")]
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// `main` calls this first, before it starts any thread. If this process is a stage of the isolation, it runs the stage
/// and returns the exit status. `None`: this process is a runner, or a worker (see [`is_worker`]).
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

/// Whether this process is a worker. Valid after [`dispatch`].
pub fn is_worker() -> bool {
    IS_WORKER.load(Ordering::Relaxed)
}

/// Checks that this machine can make the namespaces: it makes them once and ends them.
///
/// # Errors
/// The first step that the system refused.
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

/// A command that starts this executable as a worker (see [`is_worker`]), in its own namespaces or on the host. The
/// caller sets arguments, standard input and output; the worker gets them unchanged. The caller gets the worker's exit
/// status (128 + the signal's number if a signal ended it; [`STAGE_FAILED`] if the worker never started).
///
/// The process and all below it die when the **thread** that spawns the command ends: spawn and wait in one thread. It
/// leads a session of its own without a terminal, so that a Ctrl-C reaches only the runner. On the host, killing it
/// kills the target, but not what the target started.
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

/// Sets up the namespaces of the worker. The worker calls this first.
///
/// Afterwards the loopback is up and has [`ADDRESS`]. The whole disk is read-only, except `/tmp`, `/var/tmp`,
/// `/dev/shm`, `cwd` and each folder of `writable`: changes there go to [`DISK_BYTES`] of memory. The old contents of
/// these folders stay visible, except those of `/dev/shm`. The process's working directory is `cwd`.
///
/// # Errors
/// The system refused a step that a fair judgement needs. The report lists the other refused steps.
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

/// Gives the loopback of this namespace the speed of a network card. Without that a tester that floods it takes all
/// the processor time that it gets. Not every kernel can do it; nothing is judged by it.
pub fn slow_network() {
    #[cfg(target_os = "linux")]
    let _ = address::slow_down();
}

/// Whether the resolver finds [`HOST_NAME`] for programs here: `/etc/nsswitch.conf` may leave the hosts file out, and a
/// daemon may answer instead.
pub fn host_name_resolves() -> bool {
    let found = (HOST_NAME, 0).to_socket_addrs();
    found.is_ok_and(|mut addresses| addresses.any(|address| address.ip() == ADDRESS))
}

/// Makes a worker on the host the parent of every orphan of its target (Linux), so that it finds them.
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

/// Whether all other processes in this pid namespace belong to the target.
#[cfg(target_os = "linux")]
pub(crate) fn inside() -> bool {
    INSIDE.load(Ordering::Relaxed)
}

/// Whether the orphans of a target become children of this process. It has no other children.
#[cfg(target_os = "linux")]
pub(crate) fn adopts() -> bool {
    ADOPTS.load(Ordering::Relaxed)
}

/// A command for this executable, under the name `name`.
fn own_command(name: &str) -> Result<Command, IsolationError> {
    if !DISPATCHED.load(Ordering::Relaxed) {
        return Err(IsolationError::NotDispatched);
    }
    // The link still works when a new build has replaced the file. The path does not.
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
