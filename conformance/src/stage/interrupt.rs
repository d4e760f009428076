//! Ctrl-C on the runner itself: noted once, told to whoever runs, so that the reports are still written
//! for what was finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

type Wake = Box<dyn Fn() + Send>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Takes over SIGINT, SIGTERM and SIGHUP for the rest of the process.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if let Some(wake) = &*WAKE.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    })
}

/// Whether it has come.
pub fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Calls `wake` when it comes, until `None` is set; at once if it came before.
pub(crate) fn on_interrupt(wake: Option<Wake>) {
    let mut slot = WAKE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(wake) = wake.as_ref().filter(|_| came()) {
        wake();
    }
    *slot = wake;
}
