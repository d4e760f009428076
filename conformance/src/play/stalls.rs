//! Measures how late the machine runs the runner itself, so that a judgement of time can separate the target's delay
//! from the machine's. For the player.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watch thread checks: often enough for every stall that could excuse a target (0.1 s at the default
/// tolerances), and so rarely that a hundred workers cost nothing.
const PERIOD: Duration = Duration::from_millis(50);

/// The stalls so far.
#[derive(Clone)]
pub(super) struct Stalls {
    milliseconds: Arc<AtomicU64>,
    /// How long the calling thread had waited for a processor when the watch began.
    kept_waiting: Duration,
}

impl Stalls {
    /// Begins to watch, for as long as this value or a copy of it lives.
    pub(super) fn watch() -> Self {
        let milliseconds = Arc::new(AtomicU64::new(0));
        let ours = Arc::clone(&milliseconds);
        thread::spawn(move || {
            while Arc::strong_count(&ours) > 1 {
                let before = Instant::now();
                thread::sleep(PERIOD);
                let late = u64::try_from(stall(before.elapsed()).as_millis()).unwrap_or(u64::MAX);
                ours.fetch_add(late, Ordering::Relaxed);
            }
        });
        Self { milliseconds, kept_waiting: kept_waiting() }
    }

    /// How long, in all, the runner was delayed: the watch thread or the calling thread, whichever is longer. One may
    /// have had a processor while the other had none.
    pub(super) fn total(&self) -> Duration {
        let watch = Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        watch.max(kept_waiting().saturating_sub(self.kept_waiting))
    }
}

/// How long this thread was ready to run but did not run; zero where the system does not say.
fn kept_waiting() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The stall in a sleep of one period that lasted so long. A sleep up to one period too long does not count: any busy
/// machine does that to every program, the target included.
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
    fn only_a_sleep_of_more_than_two_periods_is_a_stall(#[case] slept: u64, #[case] counted: u64) {
        assert_eq!(stall(Duration::from_millis(slept)), Duration::from_millis(counted));
    }
}
