//! Ctrl-C on the runner itself. It is recorded once and passed to the run, so that the reports are still written for
//! the cases that are done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

type Handler = Box<dyn Fn() + Send>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);

/// Handles SIGINT, SIGTERM and SIGHUP for the rest of the process.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if let Some(handler) = &*HANDLER.lock().unwrap_or_else(PoisonError::into_inner) {
            handler();
        }
    })
}

/// Whether the interrupt has come.
pub fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Sets the function that an interrupt calls; `None` removes it. If the interrupt came before, it is called at once.
pub(crate) fn on_interrupt(handler: Option<Handler>) {
    let mut current = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handler) = handler.as_ref().filter(|_| came()) {
        handler();
    }
    *current = handler;
}
