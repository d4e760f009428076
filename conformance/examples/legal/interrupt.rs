//! Ctrl-C in the ways in which runtimes deliver it, and the ways to exit after it. Serves main and every wait.

use std::{
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::sys::{
    signal::{SigSet, Signal, raise},
    signalfd::{SfdFlags, SignalFd},
};

use crate::{child, cli::Mode, output, variants::on};

static ARRIVED: AtomicBool = AtomicBool::new(false);
/// The end that becomes readable at an interrupt, and the end that is closed for it.
static PIPE: OnceLock<(UnixStream, UnixStream)> = OnceLock::new();
static SIGNALS: OnceLock<SignalFd> = OnceLock::new();

/// Begins to watch for SIGINT and SIGTERM. Call it before any other thread starts.
pub(crate) fn watch(mode: Mode) {
    // A program that handles only Ctrl-C leaves SIGTERM to the system.
    let both = [Signal::SIGINT, Signal::SIGTERM];
    let signals: SigSet = both.into_iter().take(if on("sigterm-default") { 1 } else { 2 }).collect();
    if signals.thread_block().is_err() {
        return;
    }
    if on("sigint-signalfd") {
        // An event loop that reads its signals like any other event.
        if let Ok(fd) = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC) {
            let _ = SIGNALS.set(fd);
        }
        return;
    }
    if on("sigint-exception")
        && let Ok(pair) = UnixStream::pair()
    {
        let _ = PIPE.set(pair);
    }
    thread::spawn(move || {
        if signals.wait().is_err() {
            return;
        }
        if on("sigint-exception") || on("sigint-flag") {
            ARRIVED.store(true, Ordering::SeqCst);
            // The flag is set before the close, which wakes all threads that wait.
            if let Some((_, tell)) = PIPE.get() {
                let _ = tell.shutdown(std::net::Shutdown::Both);
            }
            return;
        }
        child::end();
        std::process::exit(i32::from(farewell(mode)))
    });
}

/// Blocks the signals for good: the parent process handles them.
pub(crate) fn leave_to_parent() {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    let _ = signals.thread_block();
}

/// Whether an interrupt has come that the control thread must handle.
pub(crate) fn arrived() -> bool {
    ARRIVED.load(Ordering::SeqCst)
}

/// Becomes readable at an interrupt, if the variant has such a descriptor.
pub(crate) fn wake() -> Option<BorrowedFd<'static>> {
    let pipe = PIPE.get().map(|(told, _)| told.as_fd());
    pipe.or_else(|| SIGNALS.get().map(AsFd::as_fd))
}

/// Prints the line and gives the status, once the program has unwound after an interrupt.
pub(crate) fn leave(mode: Mode) -> ExitCode {
    child::end();
    ExitCode::from(farewell(mode))
}

/// The line that an exit hook prints after every end.
pub(crate) fn hook(mode: Mode) {
    if on("exit-hook") {
        output::exiting(mode);
    }
}

/// Prints the last line, once. Returns the exit status.
fn farewell(mode: Mode) -> u8 {
    output::exiting(mode);
    match mode {
        _ if on("sigint-raise") => {
            let _ = SigSet::from(Signal::SIGINT).thread_unblock();
            let _ = raise(Signal::SIGINT);
            130
        }
        _ if on("sigint-status-0") => 0,
        _ if on("sigint-status-1") => 1,
        _ if on("sigint-status-130") => 130,
        Mode::Client => 130,
        Mode::Server => 0,
    }
}
