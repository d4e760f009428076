//! Watches how late the machine runs the runner itself, so that a verdict on time can tell the
//! target's lateness from the machine's. For the player.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watch looks: often enough to see a stall that could spoil a judgement (half a second
/// at the default patience), seldom enough that a hundred workers' watches cost nothing.
const PERIOD: Duration = Duration::from_millis(50);

/// What the watch saw: each stall's end and length.
#[derive(Clone)]
pub(super) struct Stalls {
    seen: Arc<Mutex<Vec<(Instant, Duration)>>>,
}

impl Stalls {
    /// Begins to watch, for as long as the process lives.
    pub(super) fn watch() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ours = Arc::clone(&seen);
        thread::spawn(move || {
            loop {
                let before = Instant::now();
                thread::sleep(PERIOD);
                let late = before.elapsed().saturating_sub(PERIOD);
                if late > PERIOD {
                    ours.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), late));
                }
            }
        });
        Self { seen }
    }

    /// How long, in all, the runner stood still since `since`.
    pub(super) fn since(&self, since: Instant) -> Duration {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(end, _)| *end >= since).map(|(_, late)| *late).sum()
    }
}
