//! Targets: right, broken and wild ones. Each is this executable under the name `target:NAME`.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write, stderr, stdin, stdout};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, exit};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::setsid;

pub(crate) const PREFIX: &str = "target:";

/// How much [`flood`] prints, and its last line. A terminal needs a second of processor time for it.
pub(crate) const FLOOD_BYTES: u64 = 1 << 28;
pub(crate) const FLOOD_END: &str = "Exiting Server\n";

pub(crate) fn play(name: &str, args: &[String]) {
    match &name[PREFIX.len()..] {
        "status" => status(),
        "exit" => exit(args[0].parse().expect("a number")),
        "sleep" => sleep(),
        "stubborn" => stubborn(),
        "flood" => flood(),
        "silent" => silent(),
        "write" => args.iter().for_each(|path| write(path)),
        "append" => args.iter().for_each(|path| append(path)),
        "fill" => fill(&args[0]),
        "abandon" => drop(abandon("sleep")),
        "daemon" => drop(abandon("detached")),
        "detached" => detached(),
        "nest" => drop(abandon("abandon").wait().expect("waited for")),
        "hoard" => hoard(),
        "spin" => spin(),
        "die" => drop(nix::sys::signal::raise(Signal::SIGUSR1)),
        "lead" => lead(),
        "listen" => listen(),
        "bytes" => bytes(),
        other => panic!("no target {other}"),
    }
}

/// Prints what it finds about itself, one fact a line.
fn status() {
    println!("terminals {} {} {}", stdin().is_terminal(), stdout().is_terminal(), stderr().is_terminal());
    let interesting = ["SigBlk", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];
    for line in fs::read_to_string("/proc/self/status").expect("status").lines() {
        let (key, value) = line.split_once(':').expect("a field");
        if key == "SigIgn" {
            let ignored = u64::from_str_radix(value.trim(), 16).expect("a set");
            // The C library uses 32 and 33 itself, and no program can change them.
            println!("{key} {:016x}", ignored & !(0b11 << 31));
        } else if interesting.contains(&key) {
            println!("{key} {}", value.trim());
        }
    }
    // Reading the folder opens one descriptor.
    println!("descriptors {}", fs::read_dir("/proc/self/fd").expect("descriptors").count() - 1);
    println!("umask {:03o}", umask(Mode::empty()).bits());
    for (name, resource) in [("core", Resource::RLIMIT_CORE), ("nofile", Resource::RLIMIT_NOFILE)] {
        println!("{name} {}", getrlimit(resource).expect("a limit").0);
    }
    for name in ["TERM", "COLUMNS", "LC_ALL", "PYTHONUNBUFFERED", "CARGO"] {
        println!("{name} {:?}", std::env::var_os(name));
    }
    println!("cwd {}", std::env::current_dir().expect("a folder").display());
    println!("end");
}

fn sleep() {
    println!("sleeping");
    thread::sleep(Duration::from_secs(600));
}

/// Ignores every signal that can be ignored.
fn stubborn() {
    let mut deaf = SigSet::empty();
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| deaf.add(signal));
    deaf.thread_block().expect("blocked");
    sleep();
}

fn flood() {
    let line = [b'x'; 64 * 1024];
    let mut out = stdout().lock();
    for _ in 0..FLOOD_BYTES / line.len() as u64 {
        out.write_all(&line).expect("written");
    }
    out.write_all(FLOOD_END.as_bytes()).expect("written");
    out.flush().expect("flushed");
}

/// Closes its own output and goes on.
fn silent() {
    nix::unistd::close(1).expect("closed");
    nix::unistd::close(2).expect("closed");
    thread::sleep(Duration::from_secs(600));
}

fn write(path: &str) {
    println!("{path}: {}", told(fs::write(path, "changed")));
}

fn append(path: &str) {
    let file = OpenOptions::new().append(true).open(path);
    println!("{path}: {}", told(file.and_then(|mut file| file.write_all(b"changed"))));
}

fn fill(path: &str) {
    let written = fs::File::create(path).and_then(|mut file| {
        let block = [1; 1 << 20];
        (0..200).try_for_each(|_| file.write_all(&block))
    });
    println!("{}", told(written));
}

fn told(outcome: io::Result<()>) -> String {
    outcome.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned())
}

/// Leaves a child behind.
fn abandon(what: &str) -> Child {
    let name = format!("{PREFIX}{what}");
    let child = Command::new("/proc/self/exe").arg0(name).spawn().expect("a child");
    println!("left {}", child.id());
    child
}

/// In another session, so that signals to the group do not reach it.
fn detached() {
    setsid().expect("a session");
    sleep();
}

fn hoard() {
    let files: Vec<_> = (0..10).map(|_| fs::File::open("/dev/null").expect("a file")).collect();
    for _ in 0..3 {
        thread::spawn(|| thread::sleep(Duration::from_secs(600)));
    }
    println!("holding {}", files.len());
    thread::sleep(Duration::from_secs(600));
}

fn spin() {
    println!("spinning");
    loop {
        std::hint::spin_loop();
    }
}

/// Calls what a program calls that wants its own process group. It has one already.
fn lead() {
    nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0)).expect("a group");
    sleep();
}

fn listen() {
    let listener = TcpListener::bind("0.0.0.0:5678").expect("the port");
    println!("listening");
    loop {
        let connection = listener.accept().expect("a connection");
        println!("accepted");
        // Kept open and never read.
        std::mem::forget(connection);
    }
}

/// Prints every byte value, to check that the terminal changes none.
fn bytes() {
    let all: Vec<u8> = (0..=255).collect();
    stdout().write_all(&all).expect("written");
    stdout().flush().expect("flushed");
    stderr().write_all(b"to the other\n").expect("written");
}
