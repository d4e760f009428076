//! Scenarios inside a worker: the disk, the output, the end.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use conformance::stage::target::{Exit, OUTPUT_KEPT_BYTES, OUTPUT_TAIL_BYTES, Process, Resources, Stream};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::running::{Place, Running, SOON};
use crate::targets::{FLOOD_BYTES, FLOOD_END};
use crate::{machine, network, starting};

pub(crate) type Scenario = fn(&Place);

/// Those that are about namespaces.
const INSIDE: &[(&str, Scenario)] = &[
    ("the network is its own", network::the_network_is_its_own),
    ("the peer's end of a connection is seen", network::the_peers_end_of_a_connection_is_seen),
    ("datagrams are accounted for", network::datagrams_are_accounted_for),
    ("only a few folders can be written", only_a_few_folders_can_be_written),
    ("a target below tmp runs and writes beside itself", a_target_below_tmp_runs_and_writes_beside_itself),
    ("an existing file is changed in memory only", an_existing_file_is_changed_in_memory_only),
    ("a full disk is the target's alone", a_full_disk_is_the_targets_alone),
    ("a target has no privilege", a_target_has_no_privilege),
];

/// Those that need none.
pub(crate) const ANYWHERE: &[(&str, Scenario)] = &[
    ("a target finds itself as from a shell", a_target_finds_itself_as_from_a_shell),
    ("an ending is told", an_ending_is_told),
    ("every byte comes through", every_byte_comes_through),
    ("a flood is drained", a_flood_is_drained),
    ("a closed output is no ending", a_closed_output_is_no_ending),
    ("a stubborn target is ended", a_stubborn_target_is_ended),
    ("an interrupt reaches the target", an_interrupt_reaches_the_target),
    ("a target may lead its group", a_target_may_lead_its_group),
    ("a child left behind is told and gone", a_child_left_behind_is_told_and_gone),
    ("a detached grandchild is told and gone", a_detached_grandchild_is_told_and_gone),
    ("one target does not end another", one_target_does_not_end_another),
    ("resources are counted", resources_are_counted),
    ("waiting for a processor shows", waiting_for_a_processor_shows),
    ("what cannot be started is told apart", starting::what_cannot_be_started_is_told_apart),
    ("a name is looked for in the path", starting::a_name_is_looked_for_in_the_path),
];

pub(crate) fn all() -> impl Iterator<Item = &'static (&'static str, Scenario)> {
    INSIDE.iter().chain(ANYWHERE)
}

/// `args`: name of the scenario, isolation, working directory, another folder, more.
pub(crate) fn play(args: &[String]) {
    let (_, scenario) = all()
        .chain(machine::SCENARIOS)
        .find(|(name, _)| *name == args[0])
        .unwrap_or_else(|| panic!("no scenario {}", args[0]));
    scenario(&Place::parse(&args[1..]));
}

fn only_a_few_folders_can_be_written(place: &Place) {
    let report = place.enter();
    let allowed = |point: &str| report.writable.iter().any(|path| path == Path::new(point));
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (root, point, options) = (fields[3], fields[4], fields[5]);
        let ours = allowed(point) || point == "/dev/pts" || point == "/dev/ptmx" || root == "/hosts";
        assert!(ours || options.split(',').any(|option| option == "ro"), "writable: {line}");
    }
    assert!(report.writable.contains(&place.cwd) && report.writable.contains(&place.tmp), "{report:?}");
    // This process has all rights of the namespace, and its user owns the folder.
    if let Some(home) = std::env::var_os("HOME").filter(|home| !Path::new(home).starts_with("/tmp")) {
        let outcome = fs::write(Path::new(&home).join("conformance-was-here"), "");
        assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::ReadOnlyFilesystem));
    }
}

fn a_target_below_tmp_runs_and_writes_beside_itself(place: &Place) {
    let program = place.tmp.join(Place::COPY);
    fs::copy("/proc/self/exe", &program).unwrap();
    place.enter();
    let beside = place.tmp.join("tester.log");
    let mut launch = place.launch("write", &[beside.to_str().unwrap(), "/tmp/elsewhere", "/dev/shm/shared"]);
    launch.program = program;
    launch.cwd = place.tmp.clone();
    let mut running = crate::running::Running::start(&launch);
    assert_eq!(running.exit(), Exit::Code(0));
    assert_eq!(running.stdout().matches(": done").count(), 3, "{}", running.stdout());
    assert_eq!(fs::read_to_string(beside).unwrap(), "changed");
}

fn an_existing_file_is_changed_in_memory_only(place: &Place) {
    place.enter();
    let file = place.cwd.join(Place::FILE);
    assert!(place.output_of("append", &[file.to_str().unwrap()]).ends_with(": done\n"));
    assert_eq!(fs::read_to_string(file).unwrap(), format!("{}changed", Place::CONTENT));
    // After each scenario the runner checks that the real file did not change.
}

fn a_full_disk_is_the_targets_alone(place: &Place) {
    place.enter();
    let file = place.cwd.join("big");
    assert_eq!(place.output_of("fill", &[file.to_str().unwrap()]), "StorageFull\n");
}

fn a_target_has_no_privilege(place: &Place) {
    place.enter();
    let status = place.output_of("status", &[]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(status.contains(&format!("{set} 0000000000000000\n")), "{status}");
    }
    assert!(status.contains("NoNewPrivs 1\n"), "{status}");
    // User 0 of the host needs no capability for this file, so it has to be read-only. Other users may not write it.
    let told = place.output_of("append", &["/proc/sys/kernel/domainname"]);
    assert!(told.ends_with(": ReadOnlyFilesystem\n") || told.ends_with(": PermissionDenied\n"), "{told}");
}

pub(crate) fn a_target_finds_itself_as_from_a_shell(place: &Place) {
    place.enter();
    let status = place.output_of("status", &[]);
    let cwd = format!("cwd {}\n", place.cwd.display());
    let expected = [
        "terminals false true true\n",
        "SigBlk 0000000000000000\n",
        // Only SIGPIPE, which the Rust runtime of this target has set.
        "SigIgn 0000000000001000\n",
        "descriptors 3\n",
        "umask 022\n",
        "core 0\n",
        "nofile 1024\n",
        "TERM Some(\"dumb\")\n",
        "COLUMNS Some(\"200\")\n",
        "LC_ALL Some(\"C.UTF-8\")\n",
        "PYTHONUNBUFFERED None\n",
        "CARGO None\n",
        &cwd,
    ];
    for line in expected {
        assert!(status.contains(line), "{line:?} is not in:\n{status}");
    }
}

fn an_ending_is_told(place: &Place) {
    place.enter();
    assert_eq!(place.start("exit", &["0"]).exit(), Exit::Code(0));
    assert_eq!(place.start("exit", &["203"]).exit(), Exit::Code(203));
    assert_eq!(place.start("die", &[]).exit(), Exit::Signal(Signal::SIGUSR1 as i32));
    let ended = place.start("sleep", &[]).target.end();
    assert_eq!((ended.exit, ended.processes), (None, vec![]));
}

fn every_byte_comes_through(place: &Place) {
    place.enter();
    let mut running = place.start("bytes", &[]);
    assert_eq!(running.exit(), Exit::Code(0));
    assert_eq!(running.stdout_bytes(), (0..=255).collect::<Vec<u8>>());
    assert_eq!(running.stderr(), "to the other\n");
}

fn a_flood_is_drained(place: &Place) {
    place.enter();
    let mut running = place.start("flood", &[]);
    assert_eq!(running.exit(), Exit::Code(0));
    assert_eq!(running.stdout_bytes().len(), OUTPUT_KEPT_BYTES);
    let discarded = running.target.discarded_bytes(Stream::Stdout);
    assert_eq!(discarded + OUTPUT_KEPT_BYTES as u64, FLOOD_BYTES + FLOOD_END.len() as u64);
    let tail = running.target.discarded_tail(Stream::Stdout);
    assert!(tail.len() >= OUTPUT_TAIL_BYTES && tail.ends_with(FLOOD_END.as_bytes()), "{}", tail.len());
}

fn a_closed_output_is_no_ending(place: &Place) {
    place.enter();
    let mut running = place.start("silent", &[]);
    running.wait("closed its output", |running| (running.closed == [true, true]).then_some(()));
    assert_eq!(running.target.try_exit(), None);
    assert_eq!(running.target.end().exit, None);
}

fn a_stubborn_target_is_ended(place: &Place) {
    place.enter();
    let mut running = place.start("stubborn", &[]);
    running.until("sleeping");
    running.target.signal(Signal::SIGINT).unwrap();
    running.target.signal(Signal::SIGTERM).unwrap();
    let pid = running.target.pid();
    let begun = Instant::now();
    let ended = running.target.end();
    assert_eq!((ended.exit, ended.immortal), (None, vec![]));
    assert!(begun.elapsed() < SOON);
    assert_eq!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH));
}

fn an_interrupt_reaches_the_target(place: &Place) {
    place.enter();
    let mut running = place.start("sleep", &[]);
    running.until("sleeping");
    running.target.signal(Signal::SIGINT).unwrap();
    assert_eq!(running.exit(), Exit::Signal(Signal::SIGINT as i32));
    // No process is left: nothing happens.
    running.target.signal(Signal::SIGINT).unwrap();
}

fn a_target_may_lead_its_group(place: &Place) {
    place.enter();
    let mut running = place.start("lead", &[]);
    running.until("sleeping");
    running.target.signal(Signal::SIGTERM).unwrap();
    assert_eq!(running.exit(), Exit::Signal(Signal::SIGTERM as i32));
}

fn a_child_left_behind_is_told_and_gone(place: &Place) {
    expect_left_behind(place, "abandon", "target:sleep");
}

fn a_detached_grandchild_is_told_and_gone(place: &Place) {
    expect_left_behind(place, "daemon", "target:detached");
    // The child has ended, so the grandchild has lost its parent.
    expect_left_behind(place, "nest", "target:sleep");
}

fn expect_left_behind(place: &Place, target: &str, child: &str) {
    place.enter_once();
    let mut running = place.start(target, &[]);
    running.until("sleeping");
    assert_eq!(running.exit(), Exit::Code(0));
    let left = running.target.end();
    assert_eq!((left.exit, &left.immortal), (Some(Exit::Code(0)), &vec![]));
    let [Process { pid, command, .. }] = &left.processes[..] else { panic!("{left:?}") };
    assert_eq!(command, child);
    assert_eq!(kill(Pid::from_raw(*pid), None), Err(Errno::ESRCH), "{left:?} is still there");
}

fn one_target_does_not_end_another(place: &Place) {
    place.enter();
    let (mut one, mut other) = (place.start("abandon", &[]), place.start("sleep", &[]));
    one.until("sleeping");
    other.until("sleeping");
    assert_eq!(one.exit(), Exit::Code(0));
    assert_eq!(one.target.end().processes.len(), 1);
    assert_eq!(other.target.try_exit(), None);
    assert_eq!(other.target.end().exit, None);
}

fn resources_are_counted(place: &Place) {
    place.enter();
    let mut running = place.start("hoard", &[]);
    running.until("holding");
    // Standard input, output and error. The standard library opens no others.
    let expected = Resources { descriptors: 3 + 10, threads: 1 + 3 };
    running.wait("held that", |running| (running.target.resources() == Some(expected)).then_some(()));
    let mut ended = place.start("exit", &["0"]);
    ended.exit();
    drop(running);
    assert_eq!(ended.target.resources(), None);
}

fn waiting_for_a_processor_shows(place: &Place) {
    place.enter();
    // Both on one processor.
    let us = Pid::from_raw(0);
    let allowed = sched_getaffinity(us).unwrap();
    let one = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu).unwrap()).unwrap();
    let mut set = CpuSet::new();
    set.set(one).unwrap();
    sched_setaffinity(us, &set).unwrap();

    let delay = |running: &Running| running.target.activity().expect("an activity").run_delay;
    let mut running = place.start("spin", &[]);
    running.until("spinning");
    let before = delay(&running);
    let deadline = Instant::now() + SOON;
    while delay(&running) < before + Duration::from_millis(5) {
        assert!(Instant::now() < deadline, "it never waited");
    }
}

impl Place {
    /// [`enter`](Place::enter) for scenarios that play twice.
    fn enter_once(&self) {
        static ENTERED: std::sync::Once = std::sync::Once::new();
        ENTERED.call_once(|| drop(self.enter()));
    }
}
