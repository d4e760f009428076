//! What this machine lets us start and open: processes and threads, descriptors. For `run`, so that a crowd of cases
//! takes no more than there is, and a target is not blamed for what it could not get.
//!
//! Linux only; elsewhere nothing is known, and nothing is held back.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

/// With fewer processes and threads than this left, no case can be judged: the runner, a worker and a target of a few
/// dozen threads need them.
pub(crate) const LEAST_PROCESSES: u64 = 64;

/// What one case takes: its thread here, two processes of ours with a few threads, and a target.
const PROCESSES_OF_A_CASE: u64 = 32;

/// With so many left a target that is alone gets all that the isolation lets it have (320), and we as well.
pub(crate) const AMPLE_PROCESSES: u64 = 400;

/// What this process opens beside its cases, and for each of them: three pipes and, while it starts, two more.
const OWN_DESCRIPTORS: u64 = 32;
const DESCRIPTORS_OF_A_CASE: u64 = 8;

/// What programs are given on most systems.
const DESCRIPTORS: u64 = 1024;

/// Where control groups are mounted: the only hierarchy, the one of processes, and version 2 beside version 1.
const HIERARCHIES: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"];

/// How many cases there may be at once, `most` at most, with so many processes and descriptors.
pub(crate) fn places(processes: Option<u64>, descriptors: Option<u64>, most: usize) -> usize {
    let by_processes = processes.map(|left| left / PROCESSES_OF_A_CASE);
    let by_descriptors = descriptors.map(|left| left.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_OF_A_CASE);
    let room = by_processes.into_iter().chain(by_descriptors).min();
    room.and_then(|room| usize::try_from(room).ok()).map_or(most, |room| room.clamp(1, most))
}

/// How many processes and threads may still be started, by the control groups and by the user's limit, whichever is
/// less; `None` where nothing limits them.
pub(crate) fn processes() -> Option<u64> {
    let of_group = |group: &PathBuf| {
        let number = |file| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        Some(number("pids.max")?.saturating_sub(number("pids.current")?))
    };
    groups().iter().filter_map(of_group).chain(of_user()).min()
}

/// How often one of our control groups has refused to start a process or thread: a number that only grows.
pub(crate) fn refusals() -> u64 {
    let of_group = |group: &PathBuf| {
        let text = fs::read_to_string(group.join("pids.events")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("max "))?.trim().parse::<u64>().ok()
    };
    groups().iter().filter_map(of_group).sum()
}

/// How many descriptors this process may have, once its limit is as high as the system lets it be (and no higher than
/// 1024); `None` where it is not told.
pub(crate) fn descriptors() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = hard.min(DESCRIPTORS);
    // Refused, it stays as it was.
    let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    Some(if raised { wanted } else { soft })
}

/// The control groups that count our processes, from our own to the outermost that is seen.
fn groups() -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let paths: Vec<&str> = text.lines().filter_map(counting_group).collect();
    let all =
        HIERARCHIES.iter().flat_map(|root| paths.iter().flat_map(|path| up_from(Path::new(root), path)));
    let mut groups: Vec<PathBuf> = all.filter(|group| group.join("pids.max").exists()).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// The path in a line of `/proc/self/cgroup` (cgroups(7): number, controllers, path), if that group may count
/// processes.
fn counting_group(line: &str) -> Option<&str> {
    let mut fields = line.splitn(3, ':');
    let (_number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    (controllers.is_empty() || controllers.split(',').any(|name| name == "pids")).then_some(path)
}

fn up_from(root: &Path, path: &str) -> Vec<PathBuf> {
    Path::new(path.trim_start_matches('/')).ancestors().map(|below| root.join(below)).collect()
}

/// What RLIMIT_NPROC leaves to this user, who may have processes elsewhere as well.
fn of_user() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    // The machine's own user 0 is not held to it.
    let exempt = geteuid().is_root() && map.split_whitespace().take(2).eq(["0", "0"]);
    (soft != RLIM_INFINITY && !exempt).then(|| soft.saturating_sub(threads_of(geteuid().as_raw())))
}

/// How many threads a user has on this machine, as far as it shows them.
fn threads_of(user: u32) -> u64 {
    let user = user.to_string();
    let threads = |status: String| {
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let mine = field("Uid:")?.split_whitespace().next()? == user;
        mine.then(|| field("Threads:")?.trim().parse::<u64>().ok()).flatten()
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok())
        .filter_map(threads)
        .sum()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_limits(None, None, 64)]
    #[case::as_on_most_systems(None, Some(1024), 64)]
    #[case::few_descriptors(None, Some(64), 4)]
    #[case::hardly_any_descriptors(None, Some(16), 1)]
    #[case::a_container(Some(512), Some(1024), 16)]
    #[case::a_small_container(Some(97), Some(1024), 3)]
    #[case::no_room_at_all(Some(0), None, 1)]
    fn a_crowd_takes_what_there_is(
        #[case] processes: Option<u64>,
        #[case] descriptors: Option<u64>,
        #[case] expected: usize,
    ) {
        assert_eq!(places(processes, descriptors, 64), expected);
    }

    #[rstest]
    #[case::version_2("0::/user.slice/a:b", Some("/user.slice/a:b"))]
    #[case::version_1("8:pids:/x", Some("/x"))]
    #[case::one_of_several("8:cpu,pids:/x", Some("/x"))]
    #[case::another("4:memory:/x", None)]
    #[case::named("9:name=systemd:/", None)]
    fn the_groups_that_count_are_found(#[case] line: &str, #[case] path: Option<&str>) {
        assert_eq!(counting_group(line), path);
    }

    #[test]
    fn every_group_above_counts_as_well() {
        let groups = up_from(Path::new("/c"), "/a/b");
        assert_eq!(groups, ["/c/a/b", "/c/a", "/c/"].map(PathBuf::from));
    }
}
