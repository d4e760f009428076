//! The program under test, for `play`: started as from a terminal, its output read and capped,
//! signalled as by Ctrl-C, and cleared away with all that it started.

mod ending;
mod environment;
mod launch;
mod output;
mod processes;
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

use ending::Ending;
use output::Output;

/// A program under test that was started. Dropped without [`end`](Target::end), it is killed, but not told of.
pub struct Target {
    pid: Pid,
    ending: Ending,
    stdout: Output,
    stderr: Output,
    ended: bool,
}

/// What was there when a target was cleared away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftovers {
    /// How the target itself ended, if it did so before it was cleared away; `None`: it was still running. Then its
    /// helpers below were not left behind, they had no occasion to end.
    pub exit: Option<Exit>,
    /// Every other process that it had started, or that these had, and that was still alive. Dead now.
    pub processes: Vec<Process>,
    /// Processes that could not be killed within [`CLEARING`](Target::CLEARING).
    pub immortal: Vec<Process>,
}

impl Target {
    /// How long killed processes may take to be gone. They only need to be scheduled once; a process that waits for
    /// a broken disk may never be.
    pub const CLEARING: Duration = Duration::from_secs(5);

    /// Starts the program: see [`Launch`].
    ///
    /// # Errors
    /// One clear line that names the program.
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

    /// Its process id, which is also that of its process group as it starts.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// The end of its terminal from which `stream` is read; non-blocking, to be polled for input. After
    /// [`ReadOutcome::Closed`] it is ready for ever: leave it out of the poll then.
    pub fn output_fd(&self, stream: Stream) -> BorrowedFd<'_> {
        match stream {
            Stream::Stdout => self.stdout.fd(),
            Stream::Stderr => self.stderr.fd(),
        }
    }

    /// Takes what has been printed, at most 64 KiB at a time, so that a caller's loop gets to its other duties.
    /// Call it when the descriptor is ready; also after the target ended, until it gives no more bytes.
    pub fn read_output(&mut self, stream: Stream) -> ReadOutcome {
        match stream {
            Stream::Stdout => self.stdout.read(),
            Stream::Stderr => self.stderr.read(),
        }
    }

    /// How many bytes of `stream` were read and thrown away, beyond [`OUTPUT_KEPT_BYTES`].
    pub fn discarded_bytes(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Stdout => self.stdout.discarded_bytes(),
            Stream::Stderr => self.stderr.discarded_bytes(),
        }
    }

    /// The end of what was thrown away: all of it, or the last [`OUTPUT_TAIL_BYTES`] and some.
    pub fn discarded_tail(&self, stream: Stream) -> &[u8] {
        match stream {
            Stream::Stdout => self.stdout.discarded_tail(),
            Stream::Stderr => self.stderr.discarded_tail(),
        }
    }

    /// Becomes readable when the target's own process has ended, and stays so.
    pub fn exit_fd(&self) -> BorrowedFd<'_> {
        self.ending.as_fd()
    }

    /// How it ended, if it has.
    pub fn try_exit(&mut self) -> Option<Exit> {
        self.ending.exit()
    }

    /// Sends `signal` to its process group, as a terminal does for Ctrl-C, and to the process itself where that has
    /// left the group. Nothing happens when there is nobody any more.
    ///
    /// # Errors
    /// EPERM: it runs with more privilege than the runner.
    pub fn signal(&mut self, signal: Signal) -> Result<(), Errno> {
        let gone = |outcome| match outcome {
            Err(Errno::ESRCH) => Ok(()),
            other => other,
        };
        // Only an unreaped process holds its number; its group does as long as somebody is in it.
        let alive = self.ending.exit().is_none();
        if alive && getpgid(Some(self.pid)).is_ok_and(|group| group != self.pid) {
            gone(signal::kill(self.pid, signal))?;
        }
        match signal::killpg(self.pid, signal) {
            // macOS says this of a group whose members have all ended.
            Err(Errno::EPERM) if !alive => Ok(()),
            outcome => gone(outcome),
        }
    }

    /// What it and all that it started do at this moment. `None` when it has ended, or the system does not tell.
    pub fn activity(&self) -> Option<Activity> {
        processes::activity(self.pid)
    }

    /// What it and all that it started hold at this moment. `None` when it has ended, or the system does not tell.
    pub fn resources(&self) -> Option<Resources> {
        processes::resources(self.pid)
    }

    /// Every other process that it started, or that these did, and that is alive.
    pub fn others(&self) -> Vec<Process> {
        processes::of_target(self.pid).into_iter().filter(|process| process.pid != self.pid()).collect()
    }

    /// Kills it and all that it started, and waits until they are gone.
    ///
    /// In a namespace nobody escapes. On a Linux host everyone is found who descends from it, also from another
    /// session; elsewhere its process group.
    pub fn end(mut self) -> Leftovers {
        self.clear_away()
    }

    fn clear_away(&mut self) -> Leftovers {
        let exit = self.ending.exit();
        let processes = self.others();
        self.ended = true;
        let immortal = processes::kill_all(self.pid, &mut self.ending, Self::CLEARING);
        processes::unregister(self.pid);
        Leftovers { exit, processes, immortal }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.ended {
            self.clear_away();
        }
    }
}
