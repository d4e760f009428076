//! The server: listens, and serves one client after another, in the way of the variant. Serves main.

mod children;
mod host;
mod listen;
mod port;
mod queue;
mod session;

use std::{
    sync::{Arc, Mutex},
    thread,
};

pub(crate) use children::serve_stdin;

use crate::{cli::Options, ended::Ended, manners, output, variants::on};
use host::{serve, told};
use listen::Listeners;

/// Serves until it is interrupted.
pub(crate) fn run(options: &Options) -> Result<(), Ended> {
    let mut listeners = Listeners::open().map_err(Ended::System)?;
    output::chatter("Server is ready on port 5678, control timeout 45 s, 0 clients so far");
    match () {
        () if on("accept-ahead") => queue::run(options, listeners),
        () if on("thread-per-session") => thread_per_session(options, &mut listeners),
        () if on("process-per-session") => children::run(options, &mut listeners),
        () if on("event-loop") => event_loop(options, listeners),
        () => loop {
            let client = listeners.accept()?;
            serve(options, client)?;
        },
    }
}

/// One thread with one loop for everything: further clients are accepted, and wait.
fn event_loop(options: &Options, listeners: Listeners) -> Result<(), Ended> {
    let mut waiting = listen::Waiting::new(listeners);
    loop {
        let client = waiting.next()?;
        manners::session_begins();
        told(session::serve_in_loop(options, client, &mut waiting))?;
    }
}

/// A thread for every client, and a lock that lets one of them continue.
fn thread_per_session(options: &Options, listeners: &mut Listeners) -> Result<(), Ended> {
    let turn = Arc::new(Mutex::new(()));
    loop {
        let client = listeners.accept()?;
        let (turn, options) = (Arc::clone(&turn), options.clone());
        thread::spawn(move || {
            if let Ok(_turn) = turn.lock() {
                // An interrupt ends the main thread, and so the program.
                let _ = serve(&options, client);
            }
        });
    }
}
