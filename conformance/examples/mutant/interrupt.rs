//! Ctrl-C: prints the last line and ends the program from any state. Serves main. Client and server report their phase,
//! because a student's program often handles Ctrl-C in one phase and forgets another.

use std::{
    io::Read,
    net::TcpListener,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

use nix::sys::signal::{SigSet, Signal};

use crate::{cli::Mode, crash, faults::fault, output::say};

/// What the control thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// A server without a client.
    Idle,
    /// A server that waits for Request, or a client that waits for Reply.
    Asking,
    /// A client that has a part of Reply. Only a fault tells it from `Asking`.
    WithinReply,
    /// Between Reply and Done.
    Testing,
    /// A client that waits for Results.
    Finishing,
}

static PHASE: AtomicU8 = AtomicU8::new(Phase::Idle as u8);

/// The listening socket, for the fault that receives the waiting clients before it exits.
pub(crate) static DOOR: OnceLock<TcpListener> = OnceLock::new();

pub(crate) fn enter(phase: Phase) {
    PHASE.store(phase as u8, Ordering::SeqCst);
}

fn now_in(phase: Phase) -> bool {
    PHASE.load(Ordering::SeqCst) == phase as u8
}

/// Starts the thread that waits for SIGINT and SIGTERM. Call it before any other thread starts: they inherit the mask.
pub(crate) fn watch(mode: Mode) {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    if let Err(error) = signals.thread_block() {
        eprintln!("tester: cannot handle signals: {error}");
        return;
    }
    thread::spawn(move || {
        loop {
            match (signals.wait(), mode) {
                (Ok(Signal::SIGTERM), _) if fault("sigterm-ignored") => {}
                (Ok(Signal::SIGTERM), Mode::Server) => {
                    say("Exiting Server");
                    std::process::exit(0)
                }
                (Ok(_), Mode::Server) => interrupt_server(),
                (Ok(_), Mode::Client) => interrupt_client(),
                (Err(_), _) => return,
            }
        }
    });
}

/// Returns only where a fault has swallowed the signal.
fn interrupt_server() {
    match () {
        () if now_in(Phase::Idle) && fault("ctrl-c-traceback") => crash::traceback("KeyboardInterrupt"),
        () if now_in(Phase::Idle) && fault("ctrl-c-ignored") => return,
        // `except: pass` around recv() catches KeyboardInterrupt too.
        () if now_in(Phase::Asking) && fault("ctrl-c-ignored-with-silent-client") => return,
        () if now_in(Phase::Testing) && fault("ctrl-c-ignored-in-test") => return,
        () if now_in(Phase::Testing) && fault("ctrl-c-in-test-traceback") => {
            crash::traceback("KeyboardInterrupt")
        }
        // The handler sets a flag, and only the accept loop looks at it.
        () if !now_in(Phase::Idle) && fault("ctrl-c-only-in-accept") => return,
        () if fault("ctrl-c-without-a-word") => {}
        () if !now_in(Phase::Idle) && fault("ctrl-c-waits-for-waiting-clients") => {
            see_waiting_clients_off();
            say("Exiting Server");
        }
        () => say("Exiting Server"),
    }
    std::process::exit(0)
}

/// Takes each waiting client and reads from it until it leaves.
fn see_waiting_clients_off() {
    let Some(door) = DOOR.get() else { return };
    let _ = door.set_nonblocking(true);
    while let Ok((mut client, _)) = door.accept() {
        while client.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    }
}

/// Returns only where a fault has swallowed the signal.
fn interrupt_client() {
    match () {
        // `except: pass` in the loop that waits for the rest of a message.
        () if now_in(Phase::WithinReply) => return,
        () if now_in(Phase::Asking) && fault("client-ctrl-c-traceback") => {
            crash::traceback("KeyboardInterrupt")
        }
        () if now_in(Phase::Asking) && fault("client-ctrl-c-ignored") => return,
        () if now_in(Phase::Testing) && fault("client-ctrl-c-in-test-traceback") => {
            crash::traceback("KeyboardInterrupt")
        }
        () if now_in(Phase::Testing) && fault("client-ctrl-c-waits-time-out") => {
            // join() of a thread that sleeps for the whole test.
            while now_in(Phase::Testing) {
                thread::sleep(std::time::Duration::from_millis(100));
            }
            say("Exiting Client");
        }
        () if fault("client-ctrl-c-without-a-word") => {}
        () => say("Exiting Client"),
    }
    std::process::exit(130)
}
