//! The server: one client at a time, for ever. `session.rs` serves one session. This file is the loop around
//! it, and its handling of a failed session. Serves main.

mod abort;
mod listen;
mod receive;
mod session;

use std::{
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use self::abort::{Abort, Step};
use crate::{
    cli::Options,
    crash,
    faults::fault,
    interrupt::{self, Phase},
    output::say,
};

/// Serves until the program is interrupted.
pub(crate) fn run(options: &Options) -> ExitCode {
    let listener = match listen::listen() {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("tester: cannot listen for clients: {error}");
            return ExitCode::FAILURE;
        }
    };
    if fault("ctrl-c-waits-for-waiting-clients")
        && let Ok(door) = listener.try_clone()
    {
        let _ = interrupt::DOOR.set(door);
    }
    let mut server = Server { options, tests: 0, aborts: 0, empty_in_a_row: 0, kept_open: Vec::new() };
    thread::scope(|scope| match () {
        () if fault("thread-per-client") => {
            while let Some(mut client) = accept(&listener) {
                scope.spawn(move || {
                    let _ = session::serve(options, &mut client);
                });
            }
        }
        () if fault("second-client-turned-away") || fault("waiting-room-of-two") => {
            let (door, busy) = doorman(listener);
            for client in door {
                server.host(client, &mut None);
                busy.store(false, Ordering::SeqCst);
            }
        }
        () => {
            let mut listener = Some(listener);
            while let Some(client) = listener.as_ref().and_then(accept) {
                server.host(client, &mut listener);
            }
        }
    });
    // The loop has ended, but the program still runs.
    loop {
        thread::park();
    }
}

/// The next client. A right server never returns `None`.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        interrupt::enter(Phase::Idle);
        match listener.accept() {
            Ok((client, _)) => {
                interrupt::enter(Phase::Asking);
                // A client that was reset while it waited has no address any more.
                if fault("departed-client-traceback")
                    && let Err(error) = client.peer_addr()
                {
                    crash::traceback(&format!("OSError: {error}"));
                }
                return Some(client);
            }
            Err(error) => {
                eprintln!("tester: cannot accept a client: {error}");
                // Any other error, for example too many open files, lasts for a while.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Accepts in a thread of its own and passes the clients on through a channel, instead of leaving them in the backlog.
fn doorman(listener: TcpListener) -> (mpsc::Receiver<TcpStream>, Arc<AtomicBool>) {
    let (door, inside) = mpsc::sync_channel(2);
    let busy = Arc::new(AtomicBool::new(false));
    let occupied = Arc::clone(&busy);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            if fault("second-client-turned-away") && occupied.swap(true, Ordering::SeqCst) {
                continue;
            }
            // If the channel is full, the client is dropped, which closes it.
            let _ = door.try_send(client);
        }
    });
    (inside, busy)
}

/// What a server keeps from session to session. A right server keeps nothing.
struct Server<'a> {
    options: &'a Options,
    tests: usize,
    aborts: usize,
    empty_in_a_row: usize,
    kept_open: Vec<TcpStream>,
}

impl Server<'_> {
    /// Serves one client to its end. If a fault takes the listening socket away, `listener` stays `None`.
    fn host(&mut self, mut client: TcpStream, listener: &mut Option<TcpListener>) {
        // A client table with fifty entries. An abort does not free its entry.
        if fault("client-table-never-freed") && self.aborts >= 50 {
            return;
        }
        // threading.Thread created once, at the start of the program.
        if fault("data-thread-object-reused") && self.tests > 0 {
            crash::traceback("RuntimeError: threads can only be started once");
        }
        if fault("listener-closed-during-test") {
            *listener = None;
        }
        let ended = session::serve(self.options, &mut client);
        let starts_over = fault("listener-closed-during-test")
            || (fault("backlog-lost-after-test") && ended.is_ok())
            || (fault("timeout-loses-backlog") && ended == Err(Abort::Silent));
        if starts_over {
            *listener = None;
            *listener = listen::listen().ok();
        }
        if ended.is_ok() && fault("connection-kept-after-results") {
            self.kept_open.push(client);
        } else {
            drop(client);
        }
        match ended {
            Ok(()) => self.tests += 1,
            Err(_) => self.aborts += 1,
        }
        // "Nothing came, twice": taken for the end of all input.
        let empty = ended == Err(Abort::EndOfFile { step: Step::Request, bytes: 0 });
        self.empty_in_a_row = if empty { self.empty_in_a_row + 1 } else { 0 };
        if fault("two-empty-clients-end-accept-loop") && self.empty_in_a_row == 2 {
            *listener = None;
        }
        if ended.is_ok() && fault("server-leaves-after-one-test") {
            std::process::exit(0);
        }
        if let Err(abort) = ended
            && !survives(abort)
        {
            *listener = None;
        }
    }
}

/// A right server prints what happened and goes on. A fault crashes here, or reports that the loop has ended.
fn survives(abort: Abort) -> bool {
    match abort {
        Abort::Silent if fault("timeout-traceback") => crash::traceback("socket.timeout: timed out"),
        Abort::Silent if fault("timeout-ends-accept-loop") => return false,
        Abort::EndOfFile { step: Step::Request, bytes: 0 } if fault("end-of-file-at-once-traceback") => {
            crash::traceback("IndexError: index out of range")
        }
        Abort::EndOfFile { step: Step::Request, bytes: 1.. } if fault("end-of-file-in-request-traceback") => {
            crash::traceback("struct.error: unpack requires a buffer of 3 bytes")
        }
        Abort::EndOfFile { step: Step::Done, .. } if fault("end-of-file-in-test-traceback") => {
            crash::traceback("struct.error: unpack requires a buffer of 2 bytes")
        }
        Abort::Reset if fault("reset-traceback") => {
            crash::traceback("ConnectionResetError: [Errno 104] Connection reset by peer")
        }
        Abort::Reset if fault("reset-ends-accept-loop") => return false,
        Abort::Unsendable if fault("broken-pipe-traceback") => {
            crash::traceback("BrokenPipeError: [Errno 32] Broken pipe")
        }
        Abort::Unsendable if fault("broken-pipe-signal") => crash::killed(),
        Abort::Refused(_) if fault("refusal-traceback") => crash::traceback("ValueError: invalid message"),
        Abort::Refused(_) if fault("refusal-ends-server") => std::process::exit(1),
        Abort::Refused(refusal) => eprintln!("tester: test aborted: the client sent {refusal}"),
        Abort::Silent => eprintln!("tester: test aborted: the client was silent for too long"),
        Abort::EndOfFile { .. } | Abort::Reset | Abort::Unsendable => {
            eprintln!("tester: test aborted: the client went away");
        }
        Abort::NoTestPort => eprintln!("tester: test aborted: no test port could be opened"),
    }
    if fault("server-prints-results") {
        say("Test failed");
    }
    true
}
