//! Ctrl-C on the runner itself. It is recorded once and passed to the run, so that the reports are still written for
//! the cases that are done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Handler = Box<dyn Fn() + Send>;

/// The functions that an interrupt calls, with the numbers of their registrations.
struct Handlers {
    next: u64,
    all: Vec<(u64, Handler)>,
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static HANDLERS: Mutex<Handlers> = Mutex::new(Handlers { next: 0, all: Vec::new() });

/// Handles SIGINT, SIGTERM and SIGHUP for the rest of the process.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        handlers().all.iter().for_each(|(_, handler)| handler());
    })
}

/// Whether the interrupt has come.
pub fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Until this is dropped, an interrupt calls the function.
#[derive(Debug)]
pub(crate) struct OnInterrupt(u64);

/// Has an interrupt call the function. If the interrupt came before, it is called at once.
pub(crate) fn on_interrupt(handler: Handler) -> OnInterrupt {
    let mut handlers = handlers();
    if came() {
        handler();
    }
    let number = handlers.next;
    handlers.next += 1;
    handlers.all.push((number, handler));
    OnInterrupt(number)
}

impl Drop for OnInterrupt {
    fn drop(&mut self) {
        handlers().all.retain(|(number, _)| *number != self.0);
    }
}

fn handlers() -> MutexGuard<'static, Handlers> {
    HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
}
