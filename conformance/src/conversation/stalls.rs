//! Watches how late the machine runs the runner itself, so that a verdict on time can tell the
//! target's lateness from the machine's. For the player.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watch looks: often enough to see a stall that could spoil a judgement (half a second
/// at the default patience), seldom enough that a hundred workers' watches cost nothing.
const PERIOD: Duration = Duration::from_millis(50);

/// What the watch saw.
#[derive(Clone)]
pub(super) struct Stalls {
    milliseconds: Arc<AtomicU64>,
}

impl Stalls {
    /// Begins to watch, for as long as the process lives.
    pub(super) fn watch() -> Self {
        let milliseconds = Arc::new(AtomicU64::new(0));
        let ours = Arc::clone(&milliseconds);
        thread::spawn(move || {
            loop {
                let before = Instant::now();
                thread::sleep(PERIOD);
                let late = before.elapsed().saturating_sub(PERIOD);
                // Less than a period is what any busy machine does to everyone, the target included.
                if late > PERIOD {
                    let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
                    ours.fetch_add(late, Ordering::Relaxed);
                }
            }
        });
        Self { milliseconds }
    }

    /// How long, in all, the runner stood still.
    pub(super) fn total(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}
