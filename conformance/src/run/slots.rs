//! How many cases run at once. A case holds processor tokens while it works, and gives them back while it only waits.
//! So all long waits happen at the same time, but not all work. For the loop of a run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use super::locked;

/// Ends the waits of one run: set it, then wake the tokens.
#[derive(Debug, Default)]
pub(crate) struct Cancel(AtomicBool);

impl Cancel {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A counter of free tokens. A thread can wait for tokens: who came first gets them first, so that one that needs many
/// is not kept waiting by those that need few.
#[derive(Debug)]
pub(crate) struct Tokens {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    /// Tokens to remove as soon as they are given back.
    to_remove: usize,
    /// Who waits, in the order of arrival.
    queue: VecDeque<u64>,
    next_ticket: u64,
}

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count, ..State::default() }), changed: Condvar::new() }
    }

    /// Waits for `count` tokens and takes them. `false`: the wait was cancelled.
    pub(crate) fn take(&self, count: usize, cancel: &Cancel) -> bool {
        let mut state = locked(&self.state);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(ticket);
        let waiting = |state: &mut State| {
            !cancel.is_set() && (state.free < count || state.queue.front() != Some(&ticket))
        };
        let mut state =
            self.changed.wait_while(state, waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
        state.queue.retain(|waiting| *waiting != ticket);
        // The next one may find enough tokens too.
        self.changed.notify_all();
        if cancel.is_set() {
            return false;
        }
        state.free -= count;
        true
    }

    pub(crate) fn give_back(&self, count: usize) {
        let mut state = locked(&self.state);
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
        let mut state = locked(&self.state);
        let now = state.free.min(from - to);
        state.free -= now;
        state.to_remove += from - to - now;
    }

    /// Lets all that wait look at their `Cancel`.
    pub(crate) fn wake(&self) {
        // With the lock, so that nobody is between a look and the wait.
        let _state = locked(&self.state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tokens_can_change() {
        let (tokens, cancel) = (Tokens::new(4), Cancel::default());
        assert!(tokens.take(4, &cancel));
        tokens.change(4, 2);
        tokens.give_back(3);
        assert!(tokens.take(1, &cancel), "two are in use, of which one is free");
        tokens.change(2, 3);
        assert!(tokens.take(1, &cancel));
        assert_eq!(tokens.state.lock().unwrap().free, 0);
    }

    #[test]
    fn who_came_first_is_served_first_and_a_cancelled_wait_keeps_nobody() {
        let (tokens, run, other) = (Tokens::new(1), Cancel::default(), Cancel::default());
        assert!(tokens.take(1, &run));
        let queued = |count: usize| {
            while tokens.state.lock().unwrap().queue.len() < count {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            let many = scope.spawn(|| tokens.take(2, &run));
            queued(1);
            let few = scope.spawn(|| tokens.take(1, &other));
            queued(2);
            tokens.give_back(1);
            assert!(!few.is_finished(), "one token is free, but another thread came first");
            run.set();
            tokens.wake();
            assert!(!many.join().unwrap());
            assert!(few.join().unwrap());
        });
    }
}
