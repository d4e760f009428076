//! All processes of a target: finds, describes and kills them. Serves `target`.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::ending::Ending;
#[cfg(target_os = "linux")]
use super::table::{self, Member};

/// A process of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id for system calls of this process.
    pub pid: i32,
    /// The name of its program, at most 15 bytes.
    pub name: String,
    /// Its arguments, the name first, separated by spaces; at most 200 bytes.
    pub command: String,
}

/// The resources of a target, with all that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads, the first of each process included.
    pub threads: usize,
}

/// What a target does at one moment, with all that it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Processor time that the living threads have used.
    pub run_time: Duration,
    /// The same for whole processes, with threads that have ended and children that were waited for; counted in clock
    /// ticks.
    pub used: Duration,
    /// Time in which threads were ready but did not run, in sum.
    pub run_delay: Duration,
    /// Whether a thread runs or is ready to.
    pub runnable: bool,
}

impl Activity {
    /// The sum of two threads, or of two processes.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            run_time: self.run_time + other.run_time,
            used: self.used + other.used,
            run_delay: self.run_delay + other.run_delay,
            runnable: self.runnable || other.runnable,
        }
    }
}

/// What all targets of this process use now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Memory that they have touched, in bytes; 0 where the system does not say. Shared memory counts for each process.
    pub memory_bytes: u64,
    /// Whether a thread of them runs or is ready to.
    pub runnable: bool,
}

/// What all targets of this process use now.
pub fn held() -> Held {
    let targets = running().clone();
    targets.into_iter().map(Pid::from_raw).fold(Held::default(), |held, target| Held {
        memory_bytes: held.memory_bytes + memory_bytes(target),
        runnable: held.runnable || activity(target).is_some_and(|activity| activity.runnable),
    })
}

fn memory_bytes(target: Pid) -> u64 {
    #[cfg(target_os = "linux")]
    return members(target).iter().filter_map(Member::memory_bytes).sum();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = target;
        0
    }
}

/// The time of so many clock ticks, in which `/proc` counts processor time.
pub(crate) fn from_ticks(ticks: u64) -> Duration {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|rate| u32::try_from(rate).ok());
    Duration::from_secs(ticks) / per_second.filter(|rate| *rate > 0).unwrap_or(100)
}

/// The running targets of this process. They do not belong to each other.
static RUNNING: Mutex<Vec<i32>> = Mutex::new(Vec::new());

pub(super) fn register(target: Pid) {
    running().push(target.as_raw());
}

pub(super) fn unregister(target: Pid) {
    running().retain(|&pid| pid != target.as_raw());
}

/// All living processes of `target`, itself included.
pub(super) fn of_target(target: Pid) -> Vec<Process> {
    #[cfg(target_os = "linux")]
    return members(target).iter().map(Member::describe).collect();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = target;
        Vec::new()
    }
}

pub(super) fn activity(target: Pid) -> Option<Activity> {
    #[cfg(target_os = "linux")]
    return members(target).iter().filter_map(Member::activity).reduce(Activity::and);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = target;
        None
    }
}

pub(super) fn resources(target: Pid) -> Option<Resources> {
    #[cfg(target_os = "linux")]
    return members(target).iter().filter_map(Member::resources).reduce(|one, other| Resources {
        descriptors: one.descriptors + other.descriptors,
        threads: one.threads + other.threads,
    });
    #[cfg(not(target_os = "linux"))]
    {
        let _ = target;
        None
    }
}

/// Kills `target` and all its processes, again and again until none is left, for `patience` at most. Returns those that
/// are left.
pub(super) fn kill_all(target: Pid, ending: &mut Ending, patience: Duration) -> Vec<Process> {
    let deadline = Instant::now() + patience;
    #[cfg(target_os = "linux")]
    if owns_namespace(target) {
        // The usual case: one process. A list of all would cost far more than its end.
        let _ = kill(EVERY_PROCESS, Signal::SIGKILL);
        wait_for(ending.as_fd(), deadline);
        if ending.exit().is_some() && none_but(target) {
            return Vec::new();
        }
    }
    loop {
        kill_once(target, ending);
        let left = remaining(target, ending);
        let Some(next) = left.first() else { return Vec::new() };
        if Instant::now() >= deadline {
            return left;
        }
        if next.pid == target.as_raw() {
            wait_for(ending.as_fd(), deadline);
            continue;
        }
        #[cfg(target_os = "linux")]
        if let Ok(pidfd) = crate::stage::sys::pidfd_open(next.pid) {
            wait_for(pidfd.as_fd(), deadline);
        }
    }
}

/// Kills whole groups before single processes: these could fork faster than they are listed. Errors do not matter: they
/// mean that a process has ended.
fn kill_once(target: Pid, ending: &mut Ending) {
    #[cfg(target_os = "linux")]
    if owns_namespace(target) {
        let _ = kill(EVERY_PROCESS, Signal::SIGKILL);
    }
    if ending.exit().is_none() {
        let _ = kill(target, Signal::SIGKILL);
    }
    let _ = killpg(target, Signal::SIGKILL);
    #[cfg(target_os = "linux")]
    for member in members(target) {
        let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
    }
}

/// For `kill`: all processes of our pid namespace, except this one.
#[cfg(target_os = "linux")]
const EVERY_PROCESS: Pid = Pid::from_raw(-1);

/// Whether all other processes of our pid namespace belong to this target.
#[cfg(target_os = "linux")]
fn owns_namespace(target: Pid) -> bool {
    crate::stage::isolate::inside() && running().iter().all(|&pid| pid == target.as_raw())
}

/// Whether a target that has ended, and was waited for, has left no process behind; `false` where only a list of all
/// processes shows that. Reaps those that have ended.
pub(super) fn none_but(target: Pid) -> bool {
    #[cfg(target_os = "linux")]
    if owns_namespace(target) {
        use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

        let ended = || waitpid(EVERY_PROCESS, Some(WaitPidFlag::WNOHANG));
        while ended().is_ok_and(|status| status != WaitStatus::StillAlive) {}
        return kill(EVERY_PROCESS, None) == Err(nix::errno::Errno::ESRCH);
    }
    let _ = target;
    false
}

/// The living processes of `target`. Reaps those that have ended.
fn remaining(target: Pid, ending: &mut Ending) -> Vec<Process> {
    let left = of_target(target);
    // After the list of living processes: those that have died since are reaped too.
    #[cfg(target_os = "linux")]
    table::reap_orphans(&running());
    if left.is_empty() && ending.exit().is_none() {
        // Its end is not reported yet, or this system has no list.
        return vec![Process { pid: target.as_raw(), name: String::new(), command: String::new() }];
    }
    left
}

#[cfg(target_os = "linux")]
fn members(target: Pid) -> Vec<Member> {
    table::members(target, &running())
}

fn running() -> MutexGuard<'static, Vec<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_for(event: BorrowedFd<'_>, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up, so that the last wait is not a loop of waits of 0 ms.
    let left = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    // Interrupted or not, the caller checks again.
    let _ = poll(&mut [PollFd::new(event, PollFlags::POLLIN)], left);
}
