//! Runs several gradings at once: most of each is waiting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls a function for each entry, so many at once, in their order. Returns the results in the same order.
pub(crate) fn at_once<T: Sync, R: Send>(
    count: usize,
    entries: &[T],
    act: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<R>>> = Mutex::new(entries.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(entry) = entries.get(index) else { return };
                    let result = act(index, entry);
                    done.lock().unwrap()[index] = Some(result);
                }
            });
        }
    });
    done.into_inner().unwrap().into_iter().map(Option::unwrap).collect()
}
