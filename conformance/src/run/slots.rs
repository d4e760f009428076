//! How many cases run at once. A case holds processor tokens while it works and gives them back while
//! it only waits, so that all long waits lie side by side and the work does not. For the loop of a run.

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
    /// Held, and out of use as soon as they are given back.
    owed: usize,
    stopped: bool,
}

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count, owed: 0, stopped: false }), changed: Condvar::new() }
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = state.owed.min(count);
        state.owed -= paid;
        state.free += count - paid;
        self.changed.notify_all();
    }

    /// Makes it so many more, or fewer: those that are held beyond that are not given out again.
    pub(crate) fn change(&self, from: usize, to: usize) {
        if let Some(more) = to.checked_sub(from) {
            return self.give_back(more);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.free.min(from - to);
        state.free -= now;
        state.owed += from - to - now;
    }

    /// Nobody waits any longer.
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_tokens_are_given_out_and_more() {
        let tokens = Tokens::new(4);
        assert!(tokens.take(4));
        tokens.change(4, 2);
        tokens.give_back(3);
        assert!(tokens.take(1), "two are in use, of which one is free");
        tokens.change(2, 3);
        assert!(tokens.take(1));
        assert_eq!(tokens.state.lock().unwrap().free, 0);
    }
}
