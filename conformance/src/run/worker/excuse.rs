//! Whether a lateness is the machine's fault rather than the target's: a pure function of what was measured. For the
//! worker.
//!
//! The lateness that a target makes itself never excuses it, or a verdict could be bought: a target with three
//! hundred spinning threads makes the runner late, and its own answering thread as well. So a delay counts only as
//! far as others made it. Who held the processors while it grew is known: of a delay the target has made the part that
//! it had of all the time that was used, and never more than it used at all (a machine that was stopped as a whole
//! was stopped by nobody on it). Others that had next to nothing made nothing.

use std::time::Duration;

use crate::model::lateness::Lateness;
use crate::model::notation::show;
use crate::model::tolerance::{SPOILED_SHARE, START_WORK_SHARE, Tolerances};
use crate::play::Load;

/// What was measured beside a fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// Whose lateness can have made the fault.
    pub(super) lateness: Lateness,
    /// How late the runner must have been to have made it, where that is known.
    pub(super) earliness: Option<Duration>,
    /// The fault is that the target had not begun to listen, or to connect.
    pub(super) starting: bool,
    /// How long the runner itself stood still, over the whole conversation.
    pub(super) runner_delay: Duration,
    /// What was due is missing, and was waited for as much longer as the runner had stood still.
    pub(super) waited_out: bool,
    /// Who had the processors, over the whole conversation.
    pub(super) whole: Load,
    /// The same for the step that failed.
    pub(super) step: Load,
}

/// Why a judgement of time is the machine's fault rather than the target's, if it may be.
pub(super) fn machine_was_late(what: &Circumstances, tolerances: &Tolerances) -> Option<String> {
    let runner = what.whole.by_others(what.runner_delay);
    // Threads wait side by side, so their sum may be far more than the step lasted.
    let waited = what.step.target_delay.unwrap_or_default().min(what.step.lasted);
    // One that did run, and for longer than it takes, was not starved: it spins, or does something else.
    let enough = match what.starting {
        true => tolerances.startup.mul_f64(START_WORK_SHARE),
        false => tolerances.patience.mul_f64(SPOILED_SHARE),
    };
    let starved = what.step.target < enough;
    let target = if starved { what.step.by_others(waited) } else { Duration::ZERO };
    let spoiled = tolerances.patience.mul_f64(SPOILED_SHARE);
    // A runner that acts late makes right testers time out, and one that stamps late sees them act early.
    let runner_allowed = tolerances.early.min(tolerances.patience).mul_f64(SPOILED_SHARE);
    let late = match what.lateness {
        Lateness::Irrelevant => false,
        Lateness::Always => return Some("so that nothing can be said of the tester".to_owned()),
        // What the watch saw may be half of what there was, no less.
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

    /// Two processors, 5 s of patience and 10 s to start; of each case the step is all that there was.
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
    #[case::spins_to_escape(Lateness::TargetLate, false, 4.2, load(5.0, 1490.0, 9.6, 0.3), false)]
    #[case::spins_to_escape_beside_others(
        Lateness::TargetLate,
        false,
        4.6,
        load(5.0, 1490.0, 9.6, 0.4),
        false
    )]
    #[case::spins_before_it_listens(Lateness::TargetLate, true, 8.0, load(10.0, 2900.0, 19.0, 0.5), false)]
    #[case::spins_early(Lateness::RunnerLate, false, 4.2, load(5.0, 1490.0, 9.6, 0.3), false)]
    // One spinning thread has had time enough to answer, whoever else had the rest.
    #[case::spins_in_one_thread(Lateness::TargetLate, false, 0.0, load(5.0, 3.5, 1.5, 8.5), false)]
    // A virtual machine needs 2 s of a processor to start, and gets less.
    #[case::starts_slowly(Lateness::TargetLate, true, 0.0, load(10.0, 8.6, 1.4, 18.6), true)]
    #[case::starts_for_ever(Lateness::TargetLate, true, 0.0, load(10.0, 7.0, 3.0, 17.0), false)]
    // Nobody ran: the whole machine was stopped.
    #[case::stopped_machine(Lateness::TargetLate, false, 4.9, load(5.0, 0.0, 0.02, 0.0), true)]
    #[case::nothing_known(Lateness::TargetLate, false, 4.9, load(5.0, 0.0, 0.0, 0.0), true)]
    fn blame_falls_on_whoever_made_it_late(
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
            waited_out,
            whole: load,
            step: load,
        };
        let excuse = machine_was_late(&what, &Tolerances::default());
        assert_eq!(excuse.is_some(), excused, "{excuse:?}");
    }

    /// The runner stood still for 0.6 s: it waited so much longer. That a target was kept waiting itself still counts.
    #[rstest]
    #[case::missing_all_the_same(Lateness::TargetLate, load(5.6, 0.0, 0.1, 9.8), false)]
    #[case::kept_waiting_itself(Lateness::TargetLate, load(5.6, 4.5, 0.1, 9.8), true)]
    #[case::seen_too_early(Lateness::RunnerLate, load(5.6, 0.0, 0.1, 9.8), true)]
    fn who_was_waited_out_is_not_excused_by_the_runner(
        #[case] lateness: Lateness,
        #[case] load: Load,
        #[case] excused: bool,
    ) {
        let runner_delay = Duration::from_millis(600);
        let what = Circumstances {
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

    /// A runner that is 32 ms late does not make a close look 192 ms too early.
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
            waited_out: false,
            whole: load,
            step: load,
        };
        let tolerances = Tolerances { early: Duration::from_millis(200), ..Tolerances::default() };
        assert_eq!(machine_was_late(&what, &tolerances).is_some(), excused);
    }
}
