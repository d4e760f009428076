//! How many processes, threads and descriptors this machine allows. For `run`, so that all cases together take no more,
//! and a target is not blamed for what it could not get.
//!
//! Linux only. On other systems nothing is known, and nothing is limited.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

/// With fewer processes and threads left, no case can be judged: the runner, a worker and a target with a few dozen
/// threads need them.
pub(crate) const LEAST_PROCESSES: u64 = 64;

/// The need of one case: its thread here, two processes of the runner with a few threads, and a target.
const PROCESSES_OF_A_CASE: u64 = 32;

/// With so many left, one target alone gets all that the isolation allows (320), and the runner has enough too.
pub(crate) const AMPLE_PROCESSES: u64 = 400;

/// Descriptors of this process itself, and for each case: three pipes and, while the worker starts, two more.
const OWN_DESCRIPTORS: u64 = 32;
const DESCRIPTORS_OF_A_CASE: u64 = 8;

/// Where control groups are mounted: the only hierarchy, the one for pids, and version 2 beside version 1.
const HIERARCHIES: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"];

/// How many cases may run at once with so many processes and descriptors: from 1 to `most`.
pub(crate) fn places(processes: Option<u64>, descriptors: Option<u64>, most: usize) -> usize {
    let by_processes = processes.map(|left| left / PROCESSES_OF_A_CASE);
    let by_descriptors = descriptors.map(|left| left.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_OF_A_CASE);
    let room = by_processes.into_iter().chain(by_descriptors).min();
    room.and_then(|room| usize::try_from(room).ok()).map_or(most, |room| room.clamp(1, most))
}

/// How many processes and threads may still be started: the least of all control groups and the user's limit; `None`
/// where nothing limits them.
pub(crate) fn processes() -> Option<u64> {
    let of_group = |group: &PathBuf| {
        let number = |file| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        Some(number("pids.max")?.saturating_sub(number("pids.current")?))
    };
    groups().iter().filter_map(of_group).chain(of_user()).min()
}

/// How often our control groups have refused to start a process or thread: a number that only grows.
pub(crate) fn refusals() -> u64 {
    let of_group = |group: &PathBuf| {
        let text = fs::read_to_string(group.join("pids.events")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("max "))?.trim().parse::<u64>().ok()
    };
    groups().iter().filter_map(of_group).sum()
}

/// Raises this process's limit of descriptors as far as the system allows, but not above the need of so many cases.
/// Returns the limit; `None` where it is unknown.
pub(crate) fn descriptors(cases: usize) -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = hard.min(OWN_DESCRIPTORS + DESCRIPTORS_OF_A_CASE * cases as u64);
    // If this is refused, the limit stays the same.
    let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    Some(if raised { wanted } else { soft })
}

/// The control groups that count our processes, from our own to the outermost that is visible.
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

/// What RLIMIT_NPROC leaves to this user. Processes outside this session count too.
fn of_user() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    // The limit does not apply to user 0 of the machine.
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
    fn cases_share_the_processes_and_descriptors(
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
    fn every_outer_group_counts_too() {
        let groups = up_from(Path::new("/c"), "/a/b");
        assert_eq!(groups, ["/c/a/b", "/c/a", "/c/"].map(PathBuf::from));
    }
}
