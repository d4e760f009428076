//! Watches how late the machine runs the runner itself, so that a verdict on time can tell the
//! target's lateness from the machine's. For the player.

use std::fs;
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
    /// How long the thread that asks had been kept waiting for a processor when the watch began.
    kept_waiting: Duration,
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
                let late = u64::try_from(stall(before.elapsed()).as_millis()).unwrap_or(u64::MAX);
                ours.fetch_add(late, Ordering::Relaxed);
            }
        });
        Self { milliseconds, kept_waiting: kept_waiting() }
    }

    /// How long, in all, the runner stood still: its watch, or the thread that asks, whichever longer. The one may have
    /// had a processor while the other had none.
    pub(super) fn total(&self) -> Duration {
        let watch = Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        watch.max(kept_waiting().saturating_sub(self.kept_waiting))
    }
}

/// How long this thread has been ready to run and was not run; zero where the system does not tell.
fn kept_waiting() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// What counts of a sleep of one period that lasted so long. Less than a period too much is what any busy machine does
/// to everyone, the target included.
fn stall(slept: Duration) -> Duration {
    let late = slept.saturating_sub(PERIOD);
    if late > PERIOD { late } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_time(50, 0)]
    #[case::a_tick_late(54, 0)]
    #[case::a_period_late(100, 0)]
    #[case::a_stall(101, 51)]
    #[case::a_long_stall(5050, 5000)]
    #[case::woken_early(49, 0)]
    fn only_what_others_do_not_suffer_too_is_a_stall(#[case] slept: u64, #[case] counted: u64) {
        assert_eq!(stall(Duration::from_millis(slept)), Duration::from_millis(counted));
    }
}
