//! A thread that accepts early, and a queue between it and the thread that serves. Serves the server.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use super::{host::serve, listen::Listeners};
use crate::{cli::Options, ended::Ended, wait};

/// How often the server checks for an interrupt, as `queue.get(timeout=…)` does.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(options: &Options, mut listeners: Listeners) -> Result<(), Ended> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(client) = listeners.accept() {
            if sender.send(client).is_err() {
                return;
            }
        }
    });
    loop {
        match receiver.recv_timeout(LOOKS_EVERY) {
            Ok(client) => serve(options, client)?,
            Err(RecvTimeoutError::Timeout) => wait::pause(Duration::ZERO)?,
            // The accepting thread was interrupted, and so is this one.
            Err(RecvTimeoutError::Disconnected) => return Err(Ended::Interrupted),
        }
    }
}
