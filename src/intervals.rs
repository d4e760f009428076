//! The course of a test: what was counted in each interval of `--interval`, for the live lines, the plot and the spread.

use std::time::{Duration, Instant};

use crate::data::Counters;

/// So many intervals are kept at most. A longer test joins them in pairs, so its memory does not grow with its time.
const MOST: usize = 512;

/// One interval, in times since the start of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// Datagrams or round trips.
    pub(crate) units: u64,
}

/// The intervals so far.
#[derive(Debug)]
pub(crate) struct Intervals {
    started: Instant,
    every: Duration,
    /// The number of the interval that is under way.
    number: u32,
    last: (Duration, Counters),
    kept: Vec<Interval>,
    /// How many intervals are joined in each that is kept; then the joined one that is not full yet, and how many it has.
    joined: u32,
    pending: Option<(Interval, u32)>,
}

impl Interval {
    pub(crate) fn time(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

impl Intervals {
    /// A test that starts now.
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            started: Instant::now(),
            every,
            number: 1,
            last: (Duration::ZERO, Counters::default()),
            kept: Vec::new(),
            joined: 1,
            pending: None,
        }
    }

    /// When the interval that is under way ends; never if no clock goes that far.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.started.checked_add(self.every.checked_mul(self.number)?)
    }

    /// Whether the interval that is under way has lasted for half of its time.
    pub(crate) fn is_worth_ending(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.started).saturating_sub(self.last.0) >= self.every / 2
    }

    /// Ends an interval, and returns it. After a late call the interval is longer, and its rate still right.
    pub(crate) fn end(&mut self, now: Instant, counters: Counters) -> Interval {
        let (start, before) = self.last;
        let end = now.saturating_duration_since(self.started);
        self.last = (end, counters);
        while self.due().is_some_and(|due| due <= now) {
            self.number += 1;
        }
        let interval = Interval {
            start,
            end,
            bytes: counters.bytes.saturating_sub(before.bytes),
            units: counters.units.saturating_sub(before.units),
        };
        self.keep(interval);
        interval
    }

    /// What is kept, in order.
    pub(crate) fn kept(&self) -> &[Interval] {
        &self.kept
    }

    fn keep(&mut self, interval: Interval) {
        let (whole, count) = match self.pending.take() {
            Some((first, count)) => (join(first, interval), count + 1),
            None => (interval, 1),
        };
        if count < self.joined {
            self.pending = Some((whole, count));
            return;
        }
        self.kept.push(whole);
        if self.kept.len() == MOST {
            self.kept = self.kept.chunks(2).map(|pair| join(pair[0], pair[pair.len() - 1])).collect();
            self.joined *= 2;
        }
    }
}

fn join(first: Interval, second: Interval) -> Interval {
    Interval {
        start: first.start,
        end: second.end,
        bytes: first.bytes + second.bytes,
        units: first.units + second.units,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tests_keep_a_bounded_number_and_every_byte() {
        let mut intervals = Intervals::new(Duration::from_secs(1));
        let count = 5 * MOST as u64;
        for second in 1..=count {
            let now = intervals.started + Duration::from_secs(second);
            let one = intervals.end(now, Counters { bytes: second * 10, units: second });
            assert_eq!((one.bytes, one.units, one.time()), (10, 1, Duration::from_secs(1)));
        }
        assert!(intervals.kept().len() < MOST);
        let kept: u64 = intervals.kept().iter().map(|one| one.bytes).sum();
        let pending = intervals.pending.map_or(0, |(one, _)| one.bytes);
        assert_eq!(kept + pending, count * 10);
        let seconds: Vec<_> = intervals.kept().windows(2).map(|pair| pair[1].start - pair[0].end).collect();
        assert!(seconds.iter().all(Duration::is_zero), "gaps");
    }

    #[test]
    fn a_late_look_makes_one_long_interval() {
        let mut intervals = Intervals::new(Duration::from_secs(1));
        let now = intervals.started + Duration::from_millis(3500);
        assert_eq!(intervals.end(now, Counters { bytes: 7, units: 0 }).time(), Duration::from_millis(3500));
        assert_eq!(intervals.due(), Some(intervals.started + Duration::from_secs(4)));
    }
}
