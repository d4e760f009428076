//! The program under test, for `play`. It is started as from a terminal. Its output is read up to a limit. It gets
//! signals as from Ctrl-C. At the end it is killed with all that it started.

mod ending;
mod environment;
mod launch;
mod output;
mod processes;
mod shim;
#[cfg(target_os = "linux")]
mod table;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, getpgid};

pub use ending::Exit;
pub use environment::environment;
pub use launch::{Launch, StartError};
pub use output::{OUTPUT_KEPT_BYTES, OUTPUT_TAIL_BYTES, ReadOutcome, Stream};
pub(crate) use processes::from_ticks;
pub use processes::{Activity, Held, Process, Resources, held};
pub use shim::search_path_behind_shims;

use ending::Ending;
use output::Output;

/// The largest nice value (setpriority(2)).
const LOWEST_PRIORITY: i32 = 19;

/// A running program under test. If it is dropped without [`end`](Target::end), it is killed and nothing is reported.
pub struct Target {
    pid: Pid,
    ending: Ending,
    stdout: Output,
    stderr: Output,
    ended: bool,
}

/// What was still there when a target was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftovers {
    /// How the target itself ended, if it ended before that; `None`: it was still running. Then its helpers below were
    /// not left behind: they had no chance to end.
    pub exit: Option<Exit>,
    /// Every other process that it had started, directly or not, and that was still alive. Dead now.
    pub processes: Vec<Process>,
    /// Processes that could not be killed within [`CLEARING`](Target::CLEARING).
    pub immortal: Vec<Process>,
}

impl Target {
    /// How long killed processes may take to end. They need to be scheduled only once. A process that waits for a
    /// broken disk may never end.
    pub const CLEARING: Duration = Duration::from_secs(5);

    /// Starts the program: see [`Launch`].
    ///
    /// # Errors
    /// Why it could not be started, in one line that names the program.
    pub fn start(launch: &Launch) -> Result<Target, StartError> {
        let (stdout, stdout_slave) = Output::open().map_err(StartError::Terminal)?;
        let (stderr, stderr_slave) = Output::open().map_err(StartError::Terminal)?;
        let child = launch.spawn(stdout_slave, stderr_slave)?;
        let failed = |error| launch.failed(error);
        let pid = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other).map_err(failed)?;
        let ending = Ending::watch(child).map_err(failed)?;
        processes::register(pid);
        Ok(Target { pid, ending, stdout, stderr, ended: false })
    }

    /// Its process id. At its start this is also the id of its process group.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// The descriptor from which `stream` is read: non-blocking, to be polled for input. After [`ReadOutcome::Closed`]
    /// it is always ready: then leave it out of the poll.
    pub fn output_fd(&self, stream: Stream) -> BorrowedFd<'_> {
        match stream {
            Stream::Stdout => self.stdout.fd(),
            Stream::Stderr => self.stderr.fd(),
        }
    }

    /// Reads what was printed, at most 64 KiB at a time, so that the caller's loop can do its other work. Call it when
    /// the descriptor is ready. After the target has ended, call it until it gives no more bytes.
    pub fn read_output(&mut self, stream: Stream) -> ReadOutcome {
        match stream {
            Stream::Stdout => self.stdout.read(),
            Stream::Stderr => self.stderr.read(),
        }
    }

    /// Counts the output anew from here, for another case.
    pub fn forget_output(&mut self) {
        self.stdout.forget();
        self.stderr.forget();
    }

    /// How many bytes of `stream` beyond [`OUTPUT_KEPT_BYTES`] were read and discarded.
    pub fn discarded_bytes(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Stdout => self.stdout.discarded_bytes(),
            Stream::Stderr => self.stderr.discarded_bytes(),
        }
    }

    /// The end of the discarded output: all of it, or at least its last [`OUTPUT_TAIL_BYTES`].
    pub fn discarded_tail(&self, stream: Stream) -> &[u8] {
        match stream {
            Stream::Stdout => self.stdout.discarded_tail(),
            Stream::Stderr => self.stderr.discarded_tail(),
        }
    }

    /// Readable once the target's own process has ended.
    pub fn exit_fd(&self) -> BorrowedFd<'_> {
        self.ending.as_fd()
    }

    /// How it ended, if it has.
    pub fn try_exit(&mut self) -> Option<Exit> {
        self.ending.exit()
    }

    /// Sends `signal` to its process group, as a terminal does for Ctrl-C, and to the process itself if it has left the
    /// group. Nothing happens if no process is left.
    ///
    /// # Errors
    /// EPERM: the target has more privilege than the runner.
    pub fn signal(&mut self, signal: Signal) -> Result<(), Errno> {
        let gone = |outcome| match outcome {
            Err(Errno::ESRCH) => Ok(()),
            other => other,
        };
        // Only an unreaped process keeps its pid. Its group keeps the number as long as it has a member.
        let alive = self.ending.exit().is_none();
        if alive && getpgid(Some(self.pid)).is_ok_and(|group| group != self.pid) {
            gone(signal::kill(self.pid, signal))?;
        }
        match signal::killpg(self.pid, signal) {
            // macOS gives this error for a group whose members have all ended.
            Err(Errno::EPERM) if !alive => Ok(()),
            outcome => gone(outcome),
        }
    }

    /// Gives its process group the lowest priority, for good.
    pub fn yield_to_others(&self) {
        // Fails if it has ended.
        let _ =
            rustix::process::setpriority_pgrp(rustix::process::Pid::from_raw(self.pid()), LOWEST_PRIORITY);
    }

    /// What it and all that it started do now. `None` if it has ended, or the system does not say.
    pub fn activity(&self) -> Option<Activity> {
        processes::activity(self.pid)
    }

    /// What it and all that it started hold now. `None` if it has ended, or the system does not say.
    pub fn resources(&self) -> Option<Resources> {
        processes::resources(self.pid)
    }

    /// Every other living process that it started, directly or not.
    pub fn others(&self) -> Vec<Process> {
        processes::of_target(self.pid).into_iter().filter(|process| process.pid != self.pid()).collect()
    }

    /// Kills it and all that it started, and waits until they are gone.
    ///
    /// In a namespace no process escapes. On a Linux host every descendant is found, also in another session. On other
    /// systems only its process group is found.
    pub fn end(mut self) -> Leftovers {
        let exit = self.ending.exit();
        let alone = exit.is_some() && processes::none_but(self.pid);
        let processes = if alone { Vec::new() } else { self.others() };
        Leftovers { exit, processes, immortal: self.kill() }
    }

    /// Returns what could not be killed.
    fn kill(&mut self) -> Vec<Process> {
        self.ended = true;
        let immortal = processes::kill_all(self.pid, &mut self.ending, Self::CLEARING);
        processes::unregister(self.pid);
        immortal
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.ended {
            self.kill();
        }
    }
}
