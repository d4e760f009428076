//! Waits for the right moment of a signal: a person presses Ctrl-C on a program that has settled, not in
//! the middle of its start. For the player.

use std::time::{Duration, Instant};

use crate::target::Activity;

/// A target that has done nothing for so long has settled: it waits for an event.
const SETTLED: Duration = Duration::from_millis(60);

/// A target that has worked for so long since it was first looked at is busy on purpose: it measures.
const BUSY: Duration = Duration::from_millis(300);

/// A target that was found asleep at most looks for so long works in short strokes: it measures round trips, or it
/// sends what a slow reader takes. One that starts computes, or waits for a processor, at most looks.
const STROKES: Duration = Duration::from_millis(300);

/// What was seen of the target since a signal became due.
#[derive(Debug)]
pub(super) struct Idleness {
    since: Instant,
    first: Option<Duration>,
    last: Option<(Instant, Duration)>,
    looks: u32,
    asleep: u32,
}

impl Idleness {
    /// The signal is due now.
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), first: None, last: None, looks: 0, asleep: 0 }
    }

    /// Takes in what the target does; whether the signal may be sent. `None`: nobody can tell, or it has ended.
    /// A target that is ready to run and is not run is given `patience`, for it may still be starting.
    pub(super) fn allows(&mut self, activity: Option<Activity>, patience: Duration) -> bool {
        let Some(Activity { run_time, runnable, .. }) = activity else { return true };
        let now = Instant::now();
        let first = *self.first.get_or_insert(run_time);
        let unchanged = self.last.filter(|(_, before)| *before == run_time && !runnable);
        let (idle_since, _) = *self.last.insert(unchanged.unwrap_or((now, run_time)));
        self.looks += 1;
        self.asleep += u32::from(!runnable);
        let (watched, worked) = (now - self.since, run_time.saturating_sub(first));
        let strokes = self.asleep >= self.looks / 4 * 3 && worked <= watched / 4;
        now - idle_since >= SETTLED || worked >= BUSY || watched >= STROKES && strokes || watched >= patience
    }
}
