//! Whether a delay is the machine's fault and not the target's: a pure function of what was measured. For the worker.
//!
//! A delay that the target caused itself never excuses it. Otherwise a target with three hundred spinning threads could
//! avoid a verdict: they delay the runner, and its own answers too. So only the delay that other processes caused
//! counts. It is known who used the processors: the target's part of a delay is its share of all processor time in use,
//! but no more than the time that it used. (If the whole machine was stopped, no process caused it.) If others used
//! next to nothing, the target caused the whole delay, up to the time that it used.

use std::time::Duration;

use crate::model::lateness::Lateness;
use crate::model::notation::show;
use crate::model::tolerance::{SPOILED_SHARE, START_WORK_SHARE, Tolerances};
use crate::play::Load;

/// What was measured, for one fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// Whose delay can have caused the fault.
    pub(super) lateness: Lateness,
    /// How late the runner must have been to cause it, if that is known.
    pub(super) earliness: Option<Duration>,
    /// The fault is that the target did not listen or connect.
    pub(super) starting: bool,
    /// How long the runner itself was delayed, over the whole conversation.
    pub(super) runner_delay: Duration,
    /// The same within the step that failed, if no earlier step bears on the fault.
    pub(super) step_runner_delay: Option<Duration>,
    /// What was due did not come, not even in the extra time for the runner's delay.
    pub(super) waited_out: bool,
    /// Who used the processors, over the whole conversation.
    pub(super) whole: Load,
    /// The same for the step that failed.
    pub(super) step: Load,
}

/// Why a failure of time may be the machine's fault; `None` if it may not.
pub(super) fn machine_was_late(what: &Circumstances, tolerances: &Tolerances) -> Option<String> {
    let spoiled = tolerances.patience.mul_f64(SPOILED_SHARE);
    // If the runner acts late, right testers time out. If it records times late, they seem to act too early.
    let strict = tolerances.early.min(tolerances.patience).mul_f64(SPOILED_SHARE);
    let (runner, runner_allowed) = match what.step_runner_delay {
        Some(delay) => (what.step.by_others(delay), spoiled),
        None => (what.whole.by_others(what.runner_delay), strict),
    };
    // Threads wait at the same time, so their sum may be far longer than the step.
    let waited = what.step.target_delay.unwrap_or_default().min(what.step.lasted);
    // A target that ran for longer than it needs was not starved: it spins, or does something else.
    let enough = match what.starting {
        true => tolerances.startup.mul_f64(START_WORK_SHARE),
        false => spoiled,
    };
    let starved = what.step.target < enough;
    let target = if starved { what.step.by_others(waited) } else { Duration::ZERO };
    let late = match what.lateness {
        Lateness::Irrelevant => false,
        Lateness::Always => return Some("so that nothing can be said of the tester".to_owned()),
        // The measured delay is at least half of the real one.
        Lateness::RunnerLate => {
            runner > runner_allowed && what.earliness.is_none_or(|needed| 2 * runner > needed)
        }
        Lateness::TargetLate => (runner > runner_allowed && !what.waited_out) || target > spoiled,
    };
    late.then(|| {
        format!(
            "but this machine was too busy to judge it (others kept the tester waiting {} for a processor, the \
             runner {})",
            show(target),
            show(runner),
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn load(seconds: f64, delay: f64, target: f64, others: f64) -> Load {
        let time = Duration::from_secs_f64;
        Load {
            lasted: time(seconds),
            target_delay: Some(time(delay)),
            target: time(target),
            others: time(others),
        }
    }

    /// Two processors, 5 s of patience and 10 s to start. In each case the step is the whole conversation.
    #[rstest]
    #[case::quiet_machine(Lateness::TargetLate, false, 0.0, load(5.0, 0.01, 0.01, 0.1), false)]
    #[case::target_starved_by_others(Lateness::TargetLate, false, 0.0, load(5.0, 4.5, 0.1, 9.8), true)]
    #[case::runner_starved_by_others(Lateness::TargetLate, false, 0.6, load(5.0, 0.0, 0.1, 9.8), true)]
    #[case::a_little_late(Lateness::TargetLate, false, 0.05, load(5.0, 0.4, 0.1, 9.8), false)]
    #[case::an_early_act_seen_late(Lateness::RunnerLate, false, 0.2, load(5.0, 0.0, 0.1, 9.8), true)]
    #[case::an_early_act_of_a_starved_one(Lateness::RunnerLate, false, 0.0, load(5.0, 4.0, 0.1, 9.8), false)]
    #[case::bytes_are_bytes(Lateness::Irrelevant, false, 5.0, load(5.0, 5.0, 0.0, 10.0), false)]
    #[case::says_so_itself(Lateness::Always, false, 0.0, load(5.0, 0.0, 0.0, 0.0), true)]
    // Three hundred spinning threads on a quiet machine, and beside six other programs.
    #[case::spins_to_be_excused(Lateness::TargetLate, false, 4.2, load(5.0, 1490.0, 9.6, 0.3), false)]
    #[case::spins_to_be_excused_beside_others(
        Lateness::TargetLate,
        false,
        4.6,
        load(5.0, 1490.0, 9.6, 0.4),
        false
    )]
    #[case::spins_before_it_listens(Lateness::TargetLate, true, 8.0, load(10.0, 2900.0, 19.0, 0.5), false)]
    #[case::spins_early(Lateness::RunnerLate, false, 4.2, load(5.0, 1490.0, 9.6, 0.3), false)]
    // One spinning thread had enough time to answer, no matter who used the rest.
    #[case::spins_in_one_thread(Lateness::TargetLate, false, 0.0, load(5.0, 3.5, 1.5, 8.5), false)]
    // A virtual machine needs 2 s of a processor to start, and gets less.
    #[case::starts_slowly(Lateness::TargetLate, true, 0.0, load(10.0, 8.6, 1.4, 18.6), true)]
    #[case::starts_for_ever(Lateness::TargetLate, true, 0.0, load(10.0, 7.0, 3.0, 17.0), false)]
    // Nothing ran: the whole machine was stopped.
    #[case::stopped_machine(Lateness::TargetLate, false, 4.9, load(5.0, 0.0, 0.02, 0.0), true)]
    #[case::nothing_known(Lateness::TargetLate, false, 4.9, load(5.0, 0.0, 0.0, 0.0), true)]
    fn only_a_delay_by_others_is_an_excuse(
        #[case] lateness: Lateness,
        #[case] starting: bool,
        #[case] runner_delay: f64,
        #[case] load: Load,
        #[case] excused: bool,
    ) {
        let runner_delay = Duration::from_secs_f64(runner_delay);
        let waited_out = false;
        let what = Circumstances {
            lateness,
            earliness: None,
            starting,
            runner_delay,
            step_runner_delay: None,
            waited_out,
            whole: load,
            step: load,
        };
        let excuse = machine_was_late(&what, &Tolerances::default());
        assert_eq!(excuse.is_some(), excused, "{excuse:?}");
    }

    /// The runner was delayed for 0.6 s, and waited so much longer. A delay of the target itself still counts.
    #[rstest]
    #[case::missing_all_the_same(Lateness::TargetLate, load(5.6, 0.0, 0.1, 9.8), false)]
    #[case::kept_waiting_itself(Lateness::TargetLate, load(5.6, 4.5, 0.1, 9.8), true)]
    #[case::seen_too_early(Lateness::RunnerLate, load(5.6, 0.0, 0.1, 9.8), true)]
    fn after_the_extra_time_a_runner_delay_is_no_excuse(
        #[case] lateness: Lateness,
        #[case] load: Load,
        #[case] excused: bool,
    ) {
        let runner_delay = Duration::from_millis(600);
        let what = Circumstances {
            step_runner_delay: None,
            waited_out: true,
            earliness: None,
            starting: false,
            lateness,
            runner_delay,
            whole: load,
            step: load,
        };
        assert_eq!(machine_was_late(&what, &Tolerances::default()).is_some(), excused);
    }

    /// A runner delay of 32 ms cannot make a close seem 192 ms too early.
    #[rstest]
    #[case::by_far_too_early(192, 32, false)]
    #[case::a_little_too_early(60, 32, true)]
    #[case::by_a_very_late_runner(192, 100, true)]
    #[case::by_a_runner_in_time(5, 19, false)]
    fn an_early_act_needs_a_runner_as_late(
        #[case] earliness: u64,
        #[case] runner_delay: u64,
        #[case] excused: bool,
    ) {
        let load = load(5.0, 0.0, 0.1, 9.8);
        let what = Circumstances {
            lateness: Lateness::RunnerLate,
            earliness: Some(Duration::from_millis(earliness)),
            starting: false,
            runner_delay: Duration::from_millis(runner_delay),
            step_runner_delay: None,
            waited_out: false,
            whole: load,
            step: load,
        };
        let tolerances = Tolerances { early: Duration::from_millis(200), ..Tolerances::default() };
        assert_eq!(machine_was_late(&what, &tolerances).is_some(), excused);
    }

    /// An answer that did not come is missed in the step that waits for it: a delay of the runner before it, or a short one
    /// within it, excuses nothing.
    #[rstest]
    #[case::before_the_step(0.0, false)]
    #[case::a_little_within_it(0.4, false)]
    #[case::much_within_it(0.6, true)]
    fn an_answer_is_missed_within_its_step(#[case] within: f64, #[case] excused: bool) {
        let load = load(5.0, 0.0, 0.1, 9.8);
        let what = Circumstances {
            lateness: Lateness::TargetLate,
            earliness: None,
            starting: false,
            runner_delay: Duration::from_secs(3),
            step_runner_delay: Some(Duration::from_secs_f64(within)),
            waited_out: false,
            whole: load,
            step: load,
        };
        assert_eq!(machine_was_late(&what, &Tolerances::default()).is_some(), excused);
    }
}
