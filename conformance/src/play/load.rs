//! Who used the processors while a case was played: the target, and all other processes. For the player and for
//! `run/worker/excuse.rs`.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::model::tolerance::{SPOILED_SHARE, WAIT_IS_IDLE};
use crate::stage::target::{Activity, from_ticks};

/// Counters at one moment. Only the difference of two readings has a meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    at: Instant,
    /// How long the target's threads were ready but did not run, in sum.
    delayed: Option<Duration>,
    /// Processor time of everything that the target has ever started, as far as the system says.
    target: Duration,
    /// Processor time of this process.
    own: Duration,
    /// Processor time of all processes, and what the hypervisor took.
    machine: Option<Duration>,
}

/// What was used between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The time between the two.
    pub lasted: Duration,
    /// How long the target's threads were ready but did not run, in sum; `None` where the system does not say.
    pub target_delay: Option<Duration>,
    /// Processor time of the target: all its threads and processes, also those that have ended.
    pub target: Duration,
    /// Processor time of all but the target and this process. Where the system does not say: all that those two left.
    pub others: Duration,
}

impl Load {
    /// The part of `delay` that the target did not cause itself.
    pub fn by_others(&self, delay: Duration) -> Duration {
        let all = self.target + self.others;
        let share = match all {
            Duration::ZERO => 0.0,
            _ => self.target.as_secs_f64() / all.as_secs_f64(),
        };
        let share = if share > 1.0 - SPOILED_SHARE { 1.0 } else { share };
        delay.saturating_sub(delay.mul_f64(share).min(self.target))
    }
}

impl Reading {
    /// The counters now, with this activity of the target.
    pub(super) fn now(activity: Option<Activity>) -> Self {
        // RUSAGE_CHILDREN counts the processes that were waited for, and all that they had waited for themselves.
        let target =
            activity.map_or(Duration::ZERO, |activity| activity.used) + used(UsageWho::RUSAGE_CHILDREN);
        Self {
            at: Instant::now(),
            delayed: activity.map(|activity| activity.run_delay),
            target,
            own: used(UsageWho::RUSAGE_SELF),
            machine: fs::read_to_string("/proc/stat").ok().and_then(|text| busy(&text)),
        }
    }

    /// The counters when a target has just started, from a reading of that moment without a target.
    pub(super) fn with_new_target(self) -> Self {
        Self { delayed: Some(Duration::ZERO), ..self }
    }

    /// Whether it is so fresh that another one would tell no more.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.elapsed() < WAIT_IS_IDLE
    }

    /// From `earlier` to this one.
    pub(super) fn since(&self, earlier: &Self) -> Load {
        let lasted = self.at.saturating_duration_since(earlier.at);
        let target = self.target.saturating_sub(earlier.target);
        let machine = self.machine.zip(earlier.machine).map(|(now, then)| now.saturating_sub(then));
        let machine = machine.unwrap_or_else(|| lasted * processors());
        Load {
            lasted,
            target_delay: self.delayed.zip(earlier.delayed).map(|(now, then)| now.saturating_sub(then)),
            target,
            others: machine.saturating_sub(target + self.own.saturating_sub(earlier.own)),
        }
    }
}

fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

fn used(who: UsageWho) -> Duration {
    let time = |value: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(value.tv_sec()).unwrap_or_default();
        Duration::from_secs(seconds)
            + Duration::from_micros(u64::try_from(value.tv_usec()).unwrap_or_default())
    };
    getrusage(who).map_or(Duration::ZERO, |usage| time(usage.user_time()) + time(usage.system_time()))
}

/// Busy time from `cpu  user nice system idle iowait irq softirq steal ...`, in clock ticks over all processors
/// (proc(5)): all but idle and iowait.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).take(8).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(from_ticks(ticks.iter().sum::<u64>() - idle))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("cpu  100 0 50 9999 7 3 2 45 0 0\ncpu0 1 2 3\n", Some(200))]
    #[case::old_kernel("cpu  100 0 50 9999 7\n", Some(150))]
    #[case::cut_short("cpu  100 0\n", None)]
    #[case::something_else("intr 1 2 3\n", None)]
    fn busy_time_is_all_but_the_idle(#[case] stat: &str, #[case] ticks: Option<u64>) {
        assert_eq!(busy(stat), ticks.map(from_ticks));
    }

    fn reading(at: Instant, delayed: u64, target: u64, own: u64, machine: Option<u64>) -> Reading {
        let ms = Duration::from_millis;
        let (delayed, machine) = (Some(ms(delayed)), machine.map(ms));
        Reading { at, delayed, target: ms(target), own: ms(own), machine }
    }

    #[test]
    fn others_are_all_but_the_target_and_us() {
        let began = Instant::now();
        let first = reading(began, 10, 100, 20, Some(5000));
        let last = reading(began + Duration::from_secs(1), 60, 700, 120, Some(6900));
        let ms = Duration::from_millis;
        let expected =
            Load { lasted: ms(1000), target_delay: Some(ms(50)), target: ms(600), others: ms(1200) };
        assert_eq!(last.since(&first), expected);
        // The counters use different clocks: a difference slightly below zero is zero.
        let rough = reading(began + Duration::from_secs(1), 0, 700, 120, Some(5100)).since(&first);
        assert_eq!((rough.others, rough.target_delay), (ms(0), Some(ms(0))));
    }

    #[test]
    fn a_system_without_counters_may_have_been_busy() {
        let began = Instant::now();
        let (first, last) =
            (reading(began, 0, 0, 0, None), reading(began + Duration::from_secs(1), 0, 400, 0, None));
        let all = Duration::from_secs(1) * processors();
        assert_eq!(last.since(&first).others, all - Duration::from_millis(400));
    }

    #[test]
    fn this_process_is_counted() {
        let before = Reading::now(None);
        let deadline = Instant::now() + Duration::from_secs(30);
        while used(UsageWho::RUSAGE_SELF) < before.own + Duration::from_millis(50) {
            assert!(Instant::now() < deadline, "no processor time was counted");
            std::hint::black_box((0..100_000).sum::<u64>());
        }
        assert!(Reading::now(None).own > before.own);
    }
}
