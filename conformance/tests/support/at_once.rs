//! Much at once, for gradings of which most is waiting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does it for each of the entries, so many at once, and begins with them in their order: what came of each, in the same
/// order.
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
