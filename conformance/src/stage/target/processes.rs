//! All that belongs to a target beside its own process: found, described, and killed. Serves `target`.

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
    /// Its id, as system calls of this process take it.
    pub pid: i32,
    /// Its name: of what it executes, at most 15 bytes.
    pub name: String,
    /// Its arguments, its name first, separated by spaces.
    pub command: String,
}

/// What a target holds of the system's, with all that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads, the first of each process included.
    pub threads: usize,
}

/// What a target does at a moment, with all that it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Processor time that the living threads have used.
    pub run_time: Duration,
    /// The same of whole processes, with their threads that have ended and their children that they have waited for;
    /// counted in clock ticks.
    pub used: Duration,
    /// Time spent ready to run and not run, in sum.
    pub run_delay: Duration,
    /// Whether a thread runs or is ready to.
    pub runnable: bool,
}

impl Activity {
    /// That of two threads, or processes, together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            run_time: self.run_time + other.run_time,
            used: self.used + other.used,
            run_delay: self.run_delay + other.run_delay,
            runnable: self.runnable || other.runnable,
        }
    }
}

/// What all targets of this process take from the machine at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Memory that they have touched, in bytes; 0 where the system does not tell. What they share counts for each.
    pub memory_bytes: u64,
    /// Whether a thread of them runs or is ready to.
    pub runnable: bool,
}

/// Looks at all targets.
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

/// Clock ticks, as `/proc` counts processor time.
pub(crate) fn from_ticks(ticks: u64) -> Duration {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|rate| u32::try_from(rate).ok());
    Duration::from_secs(ticks) / per_second.filter(|rate| *rate > 0).unwrap_or(100)
}

/// The targets that this process has running: one of them does not belong to another.
static RUNNING: Mutex<Vec<i32>> = Mutex::new(Vec::new());

pub(super) fn register(target: Pid) {
    running().push(target.as_raw());
}

pub(super) fn unregister(target: Pid) {
    running().retain(|&pid| pid != target.as_raw());
}

/// All that belong to `target` and are alive, itself among them.
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

/// Kills `target` and all that belong to it, again and again until nobody is left, but not for longer than
/// `patience`. Those who are.
pub(super) fn kill_all(target: Pid, ending: &mut Ending, patience: Duration) -> Vec<Process> {
    let deadline = Instant::now() + patience;
    loop {
        strike(target, ending);
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

/// Whole groups before single processes: these could fork faster than they are counted. That somebody has ended
/// meanwhile is what is wanted, so no outcome matters.
fn strike(target: Pid, ending: &mut Ending) {
    #[cfg(target_os = "linux")]
    if crate::stage::isolate::inside() && running().iter().all(|&pid| pid == target.as_raw()) {
        // Everybody in our own pid namespace, but for ourselves.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
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

/// Who is alive; the dead are reaped.
fn remaining(target: Pid, ending: &mut Ending) -> Vec<Process> {
    let left = of_target(target);
    // After the look at the living: who has died since is reaped as well.
    #[cfg(target_os = "linux")]
    table::reap_orphans(&running());
    if left.is_empty() && ending.exit().is_none() {
        // Between life and death, or on a system without a list.
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
    // Rounded up, so that the last wait does not turn into a loop of empty ones.
    let left = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    // Interrupted or not, the caller looks again.
    let _ = poll(&mut [PollFd::new(event, PollFlags::POLLIN)], left);
}
