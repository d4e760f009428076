//! The processes of this machine or namespace, from `/proc` (proc(5)). Serves `target::processes`.
//!
//! If a new `/proc` was refused, this process lives in a namespace but `/proc` shows the host's pids. Then the place of
//! our own id in `NSpid` is also the right place for all other processes.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::processes::{Activity, Process, Resources, from_ticks};
use crate::stage::isolate;

/// The longest command line that is reported, in bytes: enough to recognize a program.
const COMMAND_BYTES: usize = 200;

/// One process of a target that was alive when `/proc` was read.
pub(super) struct Member {
    /// Its id for system calls.
    pub(super) pid: i32,
    /// Its id in `/proc`.
    listed: i32,
    name: String,
    used_ticks: u64,
}

impl Member {
    pub(super) fn describe(&self) -> Process {
        let line = fs::read(format!("/proc/{}/cmdline", self.listed)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(COMMAND_BYTES)]).replace('\0', " ");
        Process { pid: self.pid, name: self.name.clone(), command: line.trim_end().to_owned() }
    }

    /// From each thread's schedstat (nanoseconds on a processor, and in a run queue), and from the state after the name
    /// in its stat.
    pub(super) fn activity(&self) -> Option<Activity> {
        let thread = |task: fs::DirEntry| {
            let times = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let mut times = times.split_whitespace().map(|time| time.parse().map(Duration::from_nanos));
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            Some(Activity {
                run_time: times.next()?.ok()?,
                used: Duration::ZERO,
                run_delay: times.next()?.ok()?,
                runnable: stat.rsplit_once(") ")?.1.starts_with('R'),
            })
        };
        let tasks = fs::read_dir(format!("/proc/{}/task", self.listed)).ok()?;
        let threads = tasks.flatten().filter_map(thread).reduce(Activity::and)?;
        // Ticks are rounded down: of a hundred processes with little work each, nothing would be left.
        Some(Activity { used: from_ticks(self.used_ticks).max(threads.run_time), ..threads })
    }

    /// The resident pages of its statm.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.listed)).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok());
        Some(pages * page.unwrap_or(4096))
    }

    pub(super) fn resources(&self) -> Option<Resources> {
        let count = |what: &str| Some(fs::read_dir(format!("/proc/{}/{what}", self.listed)).ok()?.count());
        Some(Resources { descriptors: count("fd")?, threads: count("task")? })
    }
}

/// All living processes of `target`, itself included: its descendants and its process group. Where this process adopts
/// orphans: all its descendants except the other `targets`.
pub(super) fn members(target: Pid, targets: &[i32]) -> Vec<Member> {
    let table = Table::read();
    let others = |entry: &Entry| targets.contains(&entry.pid) && entry.pid != target.as_raw();
    let roots: Vec<i32> = match table.entries.values().find(|entry| entry.pid == target.as_raw()) {
        _ if isolate::adopts() => table.children_of(table.own).map(|entry| entry.listed).collect(),
        Some(target) => {
            let group = table.entries.values().filter(|entry| entry.group == target.listed);
            group.map(|entry| entry.listed).chain([target.listed]).collect()
        }
        None => table
            .entries
            .values()
            .filter(|entry| entry.group == target.as_raw())
            .map(|entry| entry.listed)
            .collect(),
    };
    let mut found: HashMap<i32, &Entry> = HashMap::new();
    let mut pending = roots;
    while let Some(entry) = pending.pop().and_then(|listed| table.entries.get(&listed)) {
        if !others(entry) && found.insert(entry.listed, entry).is_none() {
            pending.extend(table.children_of(entry.listed).map(|child| child.listed));
        }
    }
    let mut members: Vec<&Entry> = found.into_values().filter(|entry| entry.alive).collect();
    members.sort_by_key(|entry| entry.pid);
    let member = |entry: &Entry| Member {
        pid: entry.pid,
        listed: entry.listed,
        name: entry.name.clone(),
        used_ticks: entry.used_ticks,
    };
    members.into_iter().map(member).collect()
}

/// Reaps every child of ours that has ended, except targets: their owners wait for them.
pub(super) fn reap_orphans(targets: &[i32]) {
    if !isolate::adopts() {
        return;
    }
    let table = Table::read();
    for orphan in table.children_of(table.own).filter(|entry| !entry.alive && !targets.contains(&entry.pid)) {
        // Another thread may have reaped it meanwhile; then there is nothing to do.
        let _ = waitpid(Pid::from_raw(orphan.pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// The needed part of `/proc`. Ids are as listed there, except `pid`.
struct Table {
    own: i32,
    entries: HashMap<i32, Entry>,
    children: HashMap<i32, Vec<i32>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    pid: i32,
    listed: i32,
    parent: i32,
    group: i32,
    alive: bool,
    name: String,
    used_ticks: u64,
}

impl Table {
    fn read() -> Table {
        let own = fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse().ok());
        let own = own.unwrap_or_else(|| nix::unistd::getpid().as_raw());
        let translated = own != nix::unistd::getpid().as_raw();
        let depth = if translated { ns_pids(own).len().saturating_sub(1) } else { 0 };
        let entry = |listed: i32| {
            let mut entry = parse_stat(&fs::read_to_string(format!("/proc/{listed}/stat")).ok()?)?;
            if translated {
                entry.pid = *ns_pids(listed).get(depth)?;
            }
            Some((listed, entry))
        };
        let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
        let listed = listed.filter_map(|file| file.file_name().to_str()?.parse().ok());
        let entries: HashMap<i32, Entry> = listed.filter_map(entry).collect();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for entry in entries.values() {
            children.entry(entry.parent).or_default().push(entry.listed);
        }
        Table { own, entries, children }
    }

    fn children_of(&self, parent: i32) -> impl Iterator<Item = &Entry> {
        let listed = self.children.get(&parent).into_iter().flatten();
        listed.filter_map(|listed| self.entries.get(listed))
    }
}

/// The process's ids, from the outermost namespace that `/proc` shows to its own.
fn ns_pids(listed: i32) -> Vec<i32> {
    let status = fs::read_to_string(format!("/proc/{listed}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    line.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// `pid (name) state parent group session ... threads ...`. The name may contain anything, also parentheses.
fn parse_stat(text: &str) -> Option<Entry> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
    let listed = pid.parse().ok()?;
    // The first thread of a process may end before the others: then its state is zombie, but the process lives.
    let ended = matches!(*fields.first()?, "Z" | "X" | "x") && number(17)? <= 1;
    let (parent, group) = (number(1)?, number(2)?);
    // Its own time in user and kernel mode, and that of its children.
    let used_ticks = (11..15).filter_map(|index| fields.get(index)?.parse::<u64>().ok()).sum();
    Some(Entry { pid: listed, listed, parent, group, alive: !ended, name: name.to_owned(), used_ticks })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const REST: &str = "10 12 11 0 -1 4194560 1 0 0 0 7 5 3 2 20 0";

    #[rstest]
    #[case::running("S", 1, true)]
    #[case::zombie("Z", 1, false)]
    #[case::zombie_leader_of_living_threads("Z", 3, true)]
    fn a_stat_line_is_read(#[case] state: &str, #[case] threads: u32, #[case] alive: bool) {
        let line = format!("42 (a) b (c) {state} {REST} {threads} 0 100 0 0\n");
        let entry = Entry {
            pid: 42,
            listed: 42,
            parent: 10,
            group: 12,
            alive,
            name: "a) b (c".to_owned(),
            used_ticks: 17,
        };
        assert_eq!(parse_stat(&line), Some(entry));
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut_short("42 (a) S 10")]
    #[case::no_number("x (a) S 10 12 11 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1")]
    fn a_broken_stat_line_is_none(#[case] line: &str) {
        assert_eq!(parse_stat(line), None);
    }

    #[test]
    fn this_process_is_listed() {
        let table = Table::read();
        assert!(table.entries[&table.own].alive);
    }
}
