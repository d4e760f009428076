//! `--busy-poll`: whether to spin for a reply or to block. If a processor is free, spinning saves the two context switches
//! of a round trip. If none is free, it costs whole time slices. So the test compares the rates of the two ways again and
//! again, and leaves the slower one at once.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

use super::socket::is_nothing;

/// A receive spins for no longer than this before it blocks.
const SPIN: Duration = Duration::from_micros(50);

/// A way is judged over this time. Longer than a scheduler's time slice: what spinning costs on a busy machine shows
/// only when the slice is over.
const EPOCH: Duration = Duration::from_millis(10);

/// The slower way is tried again after this time, which doubles as long as it stays the slower one: in a long test its
/// trials take one epoch of every two seconds.
const FIRST_TRIAL: Duration = Duration::from_millis(100);
const LAST_TRIAL: Duration = Duration::from_secs(2);

/// The other way must be faster by this factor: the rates of two epochs differ by some per cent anyway.
const CLEARLY: f64 = 1.1;

/// Spinning must win so many trials in a row: on a busy machine one epoch of either way may be fast by chance.
const WINS: u32 = 3;

/// How fast the best rate of blocking is forgotten. Spinning is compared with what blocking can do, and not with an epoch
/// that other programs disturbed.
const FADE: f64 = 0.02;

/// The clock is read every so many round trips: to read it costs time.
const STRIDE: u32 = 16;

/// How to wait for the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Block,
    Spin,
}

/// Looks again and again, for as long as spinning is worth it: what `look` found, or nothing.
pub(super) fn spin(mut look: impl FnMut() -> io::Result<usize>) -> Option<io::Result<usize>> {
    let until = Instant::now() + SPIN;
    loop {
        match look() {
            Err(error) if is_nothing(&error) => std::hint::spin_loop(),
            found => return Some(found),
        }
        if Instant::now() >= until {
            return None;
        }
    }
}

/// Receives what is there, without waiting: what a receive looks at while it spins.
pub(super) fn look(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, count) = recv(socket, buffer, RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// The choice.
#[derive(Debug)]
pub(super) struct Choice {
    allowed: bool,
    way: Way,
    /// The other way is on trial, `way` being the one to return to.
    trial: bool,
    wins: u32,
    since: Instant,
    trips: u32,
    /// Round trips per second of each way when it was last seen.
    block_rate: f64,
    spin_rate: f64,
    trial_at: Instant,
    trial_after: Duration,
}

impl Choice {
    /// Blocks always unless `allowed`, and to begin with.
    pub(super) fn new(allowed: bool, now: Instant) -> Self {
        Self {
            allowed,
            way: Way::Block,
            trial: false,
            wins: 0,
            since: now,
            trips: 0,
            block_rate: 0.0,
            spin_rate: 0.0,
            trial_at: now + EPOCH,
            trial_after: FIRST_TRIAL,
        }
    }

    /// How to wait now.
    pub(super) fn way(&self) -> Way {
        match (self.way, self.trial) {
            (Way::Block, false) | (Way::Spin, true) => Way::Block,
            (Way::Spin, false) | (Way::Block, true) => Way::Spin,
        }
    }

    /// A round trip is over. Reads the clock now and then.
    pub(super) fn count(&mut self, now: impl FnOnce() -> Instant) {
        if !self.allowed {
            return;
        }
        self.trips += 1;
        // A way on trial may be very slow: it must not last for sixteen round trips.
        if self.trips.is_multiple_of(STRIDE) || self.trial {
            self.judge(now());
        }
    }

    fn judge(&mut self, now: Instant) {
        let time = now - self.since;
        if time < EPOCH {
            return;
        }
        let rate = f64::from(self.trips) / time.as_secs_f64();
        (self.since, self.trips) = (now, 0);
        match self.way() {
            Way::Block => self.block_rate = rate.max(self.block_rate + FADE * (rate - self.block_rate)),
            Way::Spin => self.spin_rate = rate,
        }
        match (self.way, self.trial) {
            (Way::Block, true) => {
                self.trial = false;
                self.wins = if self.spin_rate > self.block_rate * CLEARLY { self.wins + 1 } else { 0 };
                match self.wins {
                    0 => self.trial_after = (self.trial_after * 2).min(LAST_TRIAL),
                    WINS => self.change(),
                    _ => {}
                }
                // A way that wins is tried again at once.
                self.trial_at = if (1..WINS).contains(&self.wins) { now } else { now + self.trial_after };
            }
            // The machine is not as idle as it was.
            (Way::Spin, _) if self.block_rate > self.spin_rate => {
                self.change();
                self.trial = false;
                self.trial_at = now + self.trial_after;
            }
            (Way::Spin, true) => {
                self.trial = false;
                self.trial_after = (self.trial_after * 2).min(LAST_TRIAL);
                self.trial_at = now + self.trial_after;
            }
            (_, false) => self.trial = now >= self.trial_at,
        }
    }

    fn change(&mut self) {
        self.way = match self.way {
            Way::Block => Way::Spin,
            Way::Spin => Way::Block,
        };
        (self.trial_after, self.wins) = (FIRST_TRIAL, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a test of five seconds on a machine with these rates; returns the share of the time that was spun in its
    /// last second.
    fn play(mut rates: impl FnMut(Way, Duration) -> f64) -> f64 {
        let start = Instant::now();
        let mut now = start;
        let mut choice = Choice::new(true, now);
        let mut spun = Duration::ZERO;
        while now - start < Duration::from_secs(5) {
            let way = choice.way();
            let trip = Duration::from_secs_f64(1.0 / rates(way, now - start));
            now += trip;
            choice.count(|| now);
            if way == Way::Spin && now - start > Duration::from_secs(4) {
                spun += trip;
            }
        }
        spun.as_secs_f64()
    }

    #[test]
    fn spins_where_that_is_faster() {
        let share = play(|way, _| if way == Way::Spin { 300e3 } else { 100e3 });
        assert!(share > 0.9, "{share}");
    }

    #[test]
    fn blocks_where_spinning_is_slower() {
        let share = play(|way, _| if way == Way::Spin { 1e3 } else { 100e3 });
        assert!(share < 0.05, "{share}");
    }

    #[test]
    fn notices_when_the_machine_gets_busy() {
        let share = play(|way, time| match way {
            Way::Spin if time < Duration::from_secs(2) => 300e3,
            Way::Spin => 10e3,
            Way::Block => 90e3,
        });
        assert!(share < 0.05, "{share}");
    }

    #[test]
    fn notices_when_the_machine_gets_idle() {
        let share = play(|way, time| match way {
            Way::Spin if time < Duration::from_secs(1) => 10e3,
            Way::Spin => 300e3,
            Way::Block => 90e3,
        });
        assert!(share > 0.9, "{share}");
    }

    /// On a loaded machine other programs disturb both ways at random, and spinning more often.
    #[test]
    fn luck_does_not_make_it_spin() {
        let mut noise = 1_u64;
        let epochs = std::cell::Cell::new((Duration::ZERO, 1.0));
        let share = play(|way, time| {
            let (since, mut factor) = epochs.get();
            if time >= since + Duration::from_millis(7) {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                factor = (noise >> 40) as f64 / (1 << 24) as f64;
                epochs.set((time, factor));
            }
            match way {
                Way::Block => 100e3 * (0.3 + 0.7 * factor),
                Way::Spin if factor < 0.2 => 200e3,
                Way::Spin => 10e3,
            }
        });
        assert!(share < 0.1, "{share}");
    }

    #[test]
    fn never_spins_unasked() {
        let now = Instant::now();
        let mut choice = Choice::new(false, now);
        for trip in 0..1000 {
            choice.count(|| now + EPOCH * trip);
            assert_eq!(choice.way(), Way::Block);
        }
    }
}
