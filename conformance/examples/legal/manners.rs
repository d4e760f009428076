//! What a program does besides its work: its start, its memory, its threads and helpers. Serves main and the server.

use std::{
    fs::File,
    hint::black_box,
    io::Read,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{output, variants::on};

/// The memory that a large program touches at its start.
const MEMORY_BYTES: usize = 300 << 20;

static MEMORY: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static OPENED: Mutex<Vec<File>> = Mutex::new(Vec::new());
static SESSIONS: AtomicU32 = AtomicU32::new(0);

/// The start, before the program's own work.
pub(crate) fn start() {
    if on("memory-300m")
        && let Ok(mut memory) = MEMORY.lock()
    {
        // Ones, because the system does not really allocate pages of zeros.
        *memory = vec![1; MEMORY_BYTES];
    }
    if on("threads-40") {
        (0..40).for_each(|_| idle_thread(Duration::from_secs(3600)));
    }
    if on("vm-threads") {
        (0..20).for_each(|_| idle_thread(Duration::from_millis(500)));
    }
    if on("start-4s") {
        thread::sleep(Duration::from_secs(4));
    }
    if on("start-half-second-of-work") {
        work(Duration::from_millis(500), 1);
    }
    if on("start-like-a-vm") {
        work(Duration::from_secs(2), 2);
    }
    if on("banner") {
        output::note("Using Python 3.4 to run program");
        output::note("Network Tester 1.0 for COMP/ECPE 177, 1000 lines, 100 % pure");
    }
}

/// Call it when a session begins: a runtime under load sometimes starts a thread of its own, and opens a file.
pub(crate) fn session_begins() {
    let nth = SESSIONS.fetch_add(1, Ordering::Relaxed);
    if on("vm-late-thread") && (nth == 30 || nth == 80) {
        idle_thread(Duration::from_secs(3600));
        if let (Ok(mut opened), Ok(file)) = (OPENED.lock(), File::open("/proc/self/exe")) {
            opened.push(file);
        }
    }
}

/// A process that ends with this one, at the end-of-file of its standard input.
pub(crate) fn helper() -> Option<Child> {
    if !on("helper-process") {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.arg("--be-helper").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

/// The helper's whole life.
pub(crate) fn help_until_end_of_file() -> ExitCode {
    let _ = std::io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

fn idle_thread(wakes_every: Duration) {
    thread::spawn(move || {
        loop {
            thread::park_timeout(wakes_every);
        }
    });
}

/// Computes for `time` in each of these threads.
fn work(time: Duration, threads: usize) {
    let until = Instant::now() + time;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut sum = 0_u64;
                while Instant::now() < until {
                    for number in 0..10_000_u64 {
                        sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
                    }
                }
            });
        }
    });
}
