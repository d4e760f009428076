//! Finds the right moment for a signal: a person presses Ctrl-C on a program that has settled, not during its start.
//! The player passes the time in.

use std::time::Duration;

use crate::stage::target::Activity;

/// A target that has done nothing for this long has settled: it waits for an event.
const SETTLED: Duration = Duration::from_millis(60);

/// A target that has used this much processor time since the first check is busy on purpose: it measures.
const BUSY: Duration = Duration::from_millis(300);

/// A target that was asleep at most checks for this long works in short bursts: it measures round trips, or it sends to
/// a slow reader. A target that starts computes, or waits for a processor, at most checks.
const BURSTS: Duration = Duration::from_millis(300);

/// The checks of the target since a signal became due.
#[derive(Debug)]
pub(super) struct Idleness {
    since: Duration,
    first: Option<Duration>,
    last: Option<(Duration, Duration)>,
    checks: u32,
    asleep: u32,
}

impl Idleness {
    /// The signal is due `now`, on the conversation's clock.
    pub(super) fn new(now: Duration) -> Self {
        Self { since: now, first: None, last: None, checks: 0, asleep: 0 }
    }

    /// Records what the target does `now`. Returns whether the signal may be sent. `activity` is `None` if it is
    /// unknown or the target has ended. After `patience` the signal is sent in any case.
    pub(super) fn allows(&mut self, now: Duration, activity: Option<Activity>, patience: Duration) -> bool {
        let Some(Activity { run_time, runnable, .. }) = activity else { return true };
        let first = *self.first.get_or_insert(run_time);
        let unchanged = self.last.filter(|(_, before)| *before == run_time && !runnable);
        let (idle_since, _) = *self.last.insert(unchanged.unwrap_or((now, run_time)));
        self.checks += 1;
        self.asleep += u32::from(!runnable);
        let (watched, worked) = (now.saturating_sub(self.since), run_time.saturating_sub(first));
        let bursts = self.asleep >= self.checks / 4 * 3 && worked <= watched / 4;
        now.saturating_sub(idle_since) >= SETTLED
            || worked >= BUSY
            || watched >= BURSTS && bursts
            || watched >= patience
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What a target does at each check, every 10 ms: its processor time in milliseconds, and whether it is runnable.
    type Checks = fn(u64) -> (u64, bool);

    /// After how many milliseconds the signal is sent, with 5 s of patience.
    fn sent_after(checks: Checks) -> Option<u64> {
        let mut idleness = Idleness::new(Duration::from_millis(700));
        (0..=6000).step_by(10).find(|&at| {
            let (run_time, runnable) = checks(at);
            let run_time = Duration::from_millis(run_time);
            let activity = Activity { run_time, used: run_time, run_delay: Duration::ZERO, runnable };
            idleness.allows(Duration::from_millis(700 + at), Some(activity), Duration::from_secs(5))
        })
    }

    #[rstest]
    #[case::has_settled(|_| (40, false), 60)]
    #[case::settles_after_its_start(|at: u64| (at.min(100), at <= 100), 160)]
    #[case::starts_and_waits_for_a_processor(|at: u64| (at.min(2000) / 20, at <= 2000), 2060)]
    #[case::spins(|at: u64| (at, true), 300)]
    #[case::measures_in_short_bursts(|at: u64| (at / 10, false), 300)]
    #[case::sleeps_between_bursts_of_its_start(|at: u64| (at / 2, at.is_multiple_of(20)), 600)]
    #[case::is_never_run(|_| (0, true), 5000)]
    fn a_signal_waits_for_the_right_moment(#[case] checks: Checks, #[case] sent: u64) {
        assert_eq!(sent_after(checks), Some(sent));
    }

    #[test]
    fn there_is_no_wait_for_a_target_that_has_ended() {
        assert!(Idleness::new(Duration::ZERO).allows(Duration::ZERO, None, Duration::from_secs(5)));
    }
}
