//! How many cases run at once. A case holds processor tokens while it works, and gives them back while it only waits.
//! So all long waits happen at the same time, but not all work. For the loop of a run.

use std::sync::{Condvar, Mutex, PoisonError};

/// A counter of free tokens. A thread can wait for tokens; `stop` ends all waits.
#[derive(Debug)]
pub(crate) struct Tokens {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Tokens to remove as soon as they are given back.
    to_remove: usize,
    stopped: bool,
}

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            state: Mutex::new(State { free: count, to_remove: 0, stopped: false }),
            changed: Condvar::new(),
        }
    }

    /// Waits for `count` tokens and takes them. `false`: the tokens were stopped.
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
        let removed = state.to_remove.min(count);
        state.to_remove -= removed;
        state.free += count - removed;
        self.changed.notify_all();
    }

    /// Changes the total number. If too many tokens are held, they are removed when they are given back.
    pub(crate) fn change(&self, from: usize, to: usize) {
        if let Some(more) = to.checked_sub(from) {
            return self.give_back(more);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.free.min(from - to);
        state.free -= now;
        state.to_remove += from - to - now;
    }

    /// Ends all waits.
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tokens_can_change() {
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
