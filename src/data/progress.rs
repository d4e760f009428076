//! How far the data thread has come, for the control thread to look at while the test runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counters that the data thread alone writes. A reader may see one of them a moment before the other.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    units: AtomicU64,
    /// Nanoseconds from `started` to the last data from the other side, and 1, so that 0 is never.
    heard: AtomicU64,
}

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// Datagrams or round trips.
    pub(crate) units: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        let zero = AtomicU64::default;
        Self { started: Instant::now(), bytes: zero(), units: zero(), heard: zero() }
    }

    /// Sets the counters to what the data thread has counted.
    pub(super) fn publish(&self, bytes: u64, units: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.units.store(units, Ordering::Relaxed);
    }

    /// Notes that data came at this moment.
    pub(super) fn heard(&self) {
        let nanoseconds = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX - 1);
        self.heard.store(nanoseconds + 1, Ordering::Relaxed);
    }

    /// The counters now.
    pub(crate) fn counters(&self) -> Counters {
        Counters { bytes: self.bytes.load(Ordering::Relaxed), units: self.units.load(Ordering::Relaxed) }
    }

    /// How long ago data last came from the other side, if it ever did.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.started.elapsed().saturating_sub(Duration::from_nanos(heard)))
    }
}
