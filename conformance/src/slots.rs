//! How many cases run at once. A case holds processor tokens while it works and gives them back while
//! it only waits, so that all long waits lie side by side and the work does not. For run.rs.

use std::sync::{Condvar, Mutex, PoisonError};

/// A counter that can be waited for, and told to stop making anyone wait.
#[derive(Debug)]
pub(crate) struct Tokens {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    stopped: bool,
}

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count, stopped: false }), changed: Condvar::new() }
    }

    /// Waits for `count` tokens and takes them; `false` when it was stopped instead.
    pub(crate) fn take(&self, count: usize) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.free < count && !state.stopped;
        let mut state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return false;
        }
        state.free -= count;
        true
    }

    pub(crate) fn give_back(&self, count: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).free += count;
        self.changed.notify_all();
    }

    /// Nobody waits any longer.
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_all();
    }
}
