//! `--rate`: when the next message may go out. Times count from the start, so a late message does not lower the rate.

use std::time::{Duration, Instant};

/// A steady rate, or none.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    bits_per_second: Option<f64>,
}

impl Pace {
    /// Begins now.
    pub(super) fn new(bits_per_second: Option<u64>) -> Self {
        Self { started: Instant::now(), bits_per_second: bits_per_second.map(|rate| rate as f64) }
    }

    /// When more may be sent after `sent_bytes`; at once if `None`.
    pub(super) fn wait_until(&self, sent_bytes: u64) -> Option<Instant> {
        let due = Duration::try_from_secs_f64(sent_bytes as f64 * 8.0 / self.bits_per_second?);
        // A due time beyond the clock is never.
        let due = due.ok().and_then(|due| self.started.checked_add(due));
        match due {
            Some(due) if due <= Instant::now() => None,
            Some(due) => Some(due),
            None => Some(self.started + Duration::from_secs(u32::MAX.into())),
        }
    }

    /// How many messages of this length make a millisecond of the rate: no more are sent at once, so that the rate is
    /// right over short times too.
    pub(super) fn burst(&self, message_bytes: usize) -> Option<usize> {
        let in_a_millisecond = self.bits_per_second? / 8.0 / 1e3 / message_bytes as f64;
        Some((in_a_millisecond as usize).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_paced_without_a_rate() {
        assert_eq!(Pace::new(None).wait_until(u64::MAX), None);
    }

    #[test]
    fn the_next_message_is_due_when_the_last_is_paid_for() {
        let pace = Pace::new(Some(8000));
        assert_eq!(pace.wait_until(0), None);
        assert_eq!(pace.wait_until(5_000), Some(pace.started + Duration::from_secs(5)));
        assert!(pace.wait_until(u64::MAX).is_some());
    }

    #[test]
    fn a_burst_is_a_millisecond_and_at_least_one() {
        assert_eq!(Pace::new(Some(80_000_000)).burst(1000), Some(10));
        assert_eq!(Pace::new(Some(8)).burst(1000), Some(1));
    }
}
