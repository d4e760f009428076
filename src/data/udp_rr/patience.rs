//! How long the client waits for a reply before the round trip counts as lost. It is calculated from the round trips so
//! far, as TCP calculates its retransmission timer (RFC 6298).

use std::time::Duration;

/// Before the first reply (RFC 6298, 2.1).
const FIRST: Duration = Duration::from_secs(1);

/// A busy processor is late by tens of milliseconds, which is no loss.
const LEAST: Duration = Duration::from_millis(50);

/// Never longer than this, so that a test goes on whatever the network does.
const MOST: Duration = Duration::from_secs(1);

/// The system counts a socket's timeout in ticks of up to this; finer differences are not worth a system call.
const STEP: Duration = Duration::from_millis(10);

/// The estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Smoothed round-trip time and its mean deviation, in seconds.
    smoothed: Option<(f64, f64)>,
    now: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { smoothed: None, now: FIRST }
    }
}

impl Patience {
    /// How long to wait for the next reply.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// A reply took this long.
    pub(super) fn answered(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        let (mean, deviation) = match self.smoothed {
            None => (took, took / 2.0),
            Some((mean, deviation)) => {
                (mean + (took - mean) / 8.0, deviation + ((took - mean).abs() - deviation) / 4.0)
            }
        };
        self.smoothed = Some((mean, deviation));
        self.now = Duration::from_secs_f64(mean + 4.0 * deviation).clamp(LEAST, MOST);
    }

    /// No reply came in time: the next is waited for twice as long.
    pub(super) fn disappointed(&mut self) {
        self.now = (self.now * 2).min(MOST);
    }
}

/// The time in whole steps, rounded up.
pub(super) fn rounded(time: Duration) -> Duration {
    let steps = time.as_nanos().div_ceil(STEP.as_nanos());
    STEP * u32::try_from(steps).unwrap_or(u32::MAX / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn fast_replies_are_given_the_least() {
        let mut patience = Patience::default();
        assert_eq!(patience.now(), FIRST);
        patience.answered(MS);
        assert_eq!(patience.now(), LEAST);
    }

    #[test]
    fn slow_replies_stretch_it_and_steady_ones_tighten_it() {
        let mut patience = Patience::default();
        patience.answered(100 * MS);
        assert_eq!(patience.now(), 300 * MS);
        for _ in 0..100 {
            patience.answered(100 * MS);
        }
        assert!(patience.now() < 101 * MS, "{patience:?}");
    }

    #[test]
    fn losses_double_it_up_to_the_most() {
        let mut patience = Patience::default();
        patience.answered(MS);
        let waits: Vec<_> = (0..6).map(|_| (patience.disappointed(), patience.now()).1).collect();
        assert_eq!(waits, [100 * MS, 200 * MS, 400 * MS, 800 * MS, MOST, MOST]);
        patience.answered(MS);
        assert_eq!(patience.now(), LEAST);
    }

    #[test]
    fn times_are_rounded_up() {
        assert_eq!([rounded(MS), rounded(STEP), rounded(STEP + MS)], [STEP, STEP, 2 * STEP]);
    }
}
