//! The server half: one client at a time, for ever. Session by session stands in `serve`; this file is the loop around
//! it and what the loop does when a session went wrong. It serves main.

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
    let mut server = Server { options, tests: 0, aborts: 0, kept_open: Vec::new() };
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
    // The loop is dead and the program lives on.
    loop {
        thread::park();
    }
}

/// The next client; `None` never comes from a right server.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        interrupt::enter(Phase::Idle);
        match listener.accept() {
            Ok((client, _)) => {
                interrupt::enter(Phase::Asking);
                // A client that was reset while it waited has no name any more.
                if fault("departed-client-traceback")
                    && let Err(error) = client.peer_addr()
                {
                    crash::traceback(&format!("OSError: {error}"));
                }
                return Some(client);
            }
            Err(error) => {
                eprintln!("tester: cannot accept a client: {error}");
                // Whatever it is (too many open files, say), it will not pass in no time.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Accepts in a thread of its own and lets clients in through a channel instead of leaving them in the backlog.
fn doorman(listener: TcpListener) -> (mpsc::Receiver<TcpStream>, Arc<AtomicBool>) {
    let (door, inside) = mpsc::sync_channel(2);
    let busy = Arc::new(AtomicBool::new(false));
    let occupied = Arc::clone(&busy);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            if fault("second-client-turned-away") && occupied.swap(true, Ordering::SeqCst) {
                continue;
            }
            // Full: the client is dropped, and so closed.
            let _ = door.try_send(client);
        }
    });
    (inside, busy)
}

/// What a server remembers from session to session: for a right one, nothing.
struct Server<'a> {
    options: &'a Options,
    tests: usize,
    aborts: usize,
    kept_open: Vec<TcpStream>,
}

impl Server<'_> {
    /// Serves one client to its end and is ready for the next. Where the listening socket is taken away, it stays so.
    fn host(&mut self, mut client: TcpStream, listener: &mut Option<TcpListener>) {
        // A client table of fifty entries, and an abort does not give its entry back.
        if fault("client-table-never-freed") && self.aborts >= 50 {
            return;
        }
        // threading.Thread made once, at the start of the program.
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

/// A right server says what happened and goes on; a fault dies here, or answers that the loop has ended.
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
