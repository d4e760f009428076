//! Which outcomes may be caused by other cases that ran at the same time, and how often they are played again alone.
//! For `run`.
//!
//! Dozens of cases run at once, each with its own target. One target may be late, or get too little memory or too few
//! processes, because of the others. So **no failure of time is reported that was seen only beside other cases**: such
//! a case is played once more alone, and the new outcome counts, a pass as well as a failure.
//!
//! The cost is limited. A server that never answers fails half of all cases, and each takes seconds alone. One failed
//! case is enough for a requirement to fail. So the first failure that is repeated alone decides its requirements. The
//! others of its kind (the same requirements, the same kind of fault) only show in which conversations it occurs. After
//! [`CONFIRMATIONS`] of a kind, the rest of that kind count as confirmed, as they were seen before. This can name one
//! conversation too many. It cannot fail a requirement that holds alone. A kind that passes alone even once is never
//! confirmed: its failures are not all alike.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::locked;
use crate::model::fault::{Fault, FaultKind};
use crate::model::lateness::Lateness;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::RequirementId;

/// How many failures of one kind must be repeated alone before the others of that kind count.
pub(crate) const CONFIRMATIONS: usize = 3;

/// Whether an outcome has to be seen alone before it counts. `overlapped`: other cases ran at the same time.
pub(crate) fn in_doubt(record: &CaseRecord, overlapped: bool) -> bool {
    match record.outcome {
        Outcome::Inconclusive => true,
        // The runner's error. Other cases may have caused it.
        Outcome::Error => overlapped,
        Outcome::Fail => {
            let fault = record.finding.as_ref().map(|finding| &finding.fault);
            overlapped && fault.is_some_and(may_be_caused_by_others)
        }
        Outcome::Pass | Outcome::Skip => false,
    }
}

/// Whether other cases, which take time and memory, can have caused a fault.
fn may_be_caused_by_others(fault: &Fault) -> bool {
    is_of_starving(fault) || fault.lateness() != Lateness::Irrelevant
}

fn is_of_starving(fault: &Fault) -> bool {
    matches!(fault, Fault::NotListening { .. } | Fault::NotAccepted { .. } | Fault::Killed { .. })
}

/// Whether a case may have failed because a few others took memory or processes: no measured time excuses that.
pub(crate) fn may_be_starved(record: &CaseRecord) -> bool {
    record.finding.as_ref().is_some_and(|finding| is_of_starving(&finding.fault))
}

/// For each kind of failure, the outcomes of cases that were played again where it could not have the suspected cause.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    kinds: Vec<(Kind, Seen)>,
}

pub(crate) type Kind = (Vec<RequirementId>, FaultKind);

#[derive(Debug, Default)]
struct Seen {
    failed: usize,
    passed: usize,
}

impl Confirmed {
    /// Records the outcome `alone` of a case whose first outcome was `before`.
    pub(crate) fn record(&mut self, before: &CaseRecord, alone: &CaseRecord) {
        let Some(kind) = kind(before) else { return };
        let same = alone.outcome == Outcome::Fail && self::kind(alone).as_ref() == Some(&kind);
        let position = self.kinds.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.kinds.push((kind, Seen::default()));
            self.kinds.len() - 1
        });
        let seen = &mut self.kinds[position].1;
        match alone.outcome {
            Outcome::Fail if same => seen.failed += 1,
            Outcome::Pass => seen.passed += 1,
            _ => {}
        }
    }

    /// Whether enough failures of the kind of this record were repeated.
    pub(crate) fn knows(&self, record: &CaseRecord) -> bool {
        let Some(kind) = kind(record) else { return false };
        let seen = self.kinds.iter().find(|(known, _)| *known == kind);
        seen.is_some_and(|(_, seen)| seen.failed >= CONFIRMATIONS && seen.passed == 0)
    }

    /// The confirmed failure of a record, if enough failures of its kind were repeated.
    pub(crate) fn failure(&self, record: &CaseRecord) -> Option<CaseRecord> {
        let finding = record.finding.as_ref()?;
        self.knows(record).then(|| CaseRecord {
            outcome: Outcome::Fail,
            charged: finding.charged.clone(),
            message: Some(finding.fault.to_string()),
            ..record.clone()
        })
    }
}

/// The requirements that a failure is charged to, and what sort of fault it is.
pub(crate) fn kind(record: &CaseRecord) -> Option<Kind> {
    let finding = record.finding.as_ref()?;
    Some((finding.charged.clone(), finding.fault.kind()))
}

/// How many cases run now on this machine, those that wait included.
#[derive(Debug, Default)]
pub(crate) struct Company(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    now: usize,
    /// How many have ever begun.
    begun: u64,
}

/// A case that runs.
#[derive(Debug)]
pub(crate) struct Visit {
    began_alone: bool,
    begun: u64,
}

impl Company {
    pub(crate) fn start(&self) -> Visit {
        let mut running = locked(&self.0);
        running.now += 1;
        running.begun += 1;
        Visit { began_alone: running.now == 1, begun: running.begun }
    }

    /// Returns whether another case ran at any time of the visit.
    pub(crate) fn end(&self, visit: Visit) -> bool {
        let mut running = locked(&self.0);
        running.now -= 1;
        !visit.began_alone || running.begun > visit.begun
    }
}

/// How many cases may run at once, those that wait included: so many that their targets fit into half of the free
/// memory. The first cases show how much a target needs.
#[derive(Debug)]
pub(crate) struct CaseLimit {
    /// The limit before the need is known.
    first: usize,
    /// The limit for very small targets.
    most: usize,
    /// Memory that was free before the run, in bytes; `None` where the system does not say.
    available: Option<u64>,
    /// The most memory of one target of each submission so far, in bytes.
    largest: BTreeMap<usize, u64>,
}

impl CaseLimit {
    pub(crate) fn new(first: usize, most: usize, available: Option<u64>) -> Self {
        Self { first: first.min(most), most, available, largest: BTreeMap::new() }
    }

    /// Records how much memory a target of this submission held, in bytes; 0: it ended before it was measured.
    pub(crate) fn record(&mut self, submission: usize, bytes: u64) {
        let largest = self.largest.entry(submission).or_default();
        *largest = bytes.max(*largest);
    }

    pub(crate) fn get(&self) -> usize {
        // All submissions have about the same number of targets at a time, so the mean counts: a single large one does
        // not slow down the whole class.
        let Some(mean) = self.largest.values().sum::<u64>().checked_div(self.largest.len() as u64) else {
            return self.first;
        };
        let Some(room) = self.available.and_then(|bytes| (bytes / 2).checked_div(mean)) else {
            return self.most;
        };
        usize::try_from(room).unwrap_or(self.most).clamp(1, self.most)
    }
}

/// Memory that programs may still take, in bytes: that of the machine, or of this process's control group if that is
/// less.
pub(crate) fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.split_whitespace().next()?.parse::<u64>().ok()? * 1024;
    let of_group = |file: &str| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let group = of_group("memory.max").zip(of_group("memory.current"));
    Some(group.map_or(machine, |(most, now)| machine.min(most.saturating_sub(now))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::model::fault::Finding;

    const GIB: u64 = 1 << 30;

    fn record(outcome: Outcome, fault: Fault, requirement: &str) -> CaseRecord {
        let text = include_str!("overlap/record.json");
        let mut record: CaseRecord = serde_json::from_str(text).unwrap();
        let charged: Vec<RequirementId> = vec![requirement.parse().unwrap()];
        record.outcome = outcome;
        if outcome == Outcome::Fail {
            record.charged = charged.clone();
        }
        if matches!(outcome, Outcome::Fail | Outcome::Inconclusive) {
            record.finding = Some(Finding { step: 0, charged, fault });
        }
        record
    }

    fn late() -> Fault {
        Fault::StillOpen { waited: Duration::from_secs(5) }
    }

    #[rstest]
    #[case::late_beside_others(Outcome::Fail, late(), true, true)]
    #[case::late_alone(Outcome::Fail, late(), false, false)]
    #[case::killed_beside_others(Outcome::Fail, Fault::Killed { signal: 9 }, true, true)]
    #[case::wrong_beside_others(Outcome::Fail, Fault::PortZero, true, false)]
    #[case::unjudged(Outcome::Inconclusive, late(), false, true)]
    #[case::our_own_error(Outcome::Error, late(), true, true)]
    #[case::our_own_error_alone(Outcome::Error, late(), false, false)]
    #[case::passed(Outcome::Pass, late(), true, false)]
    fn what_others_can_have_caused_is_in_doubt(
        #[case] outcome: Outcome,
        #[case] fault: Fault,
        #[case] overlapped: bool,
        #[case] doubted: bool,
    ) {
        assert_eq!(in_doubt(&record(outcome, fault, "SRV-1"), overlapped), doubted);
    }

    #[test]
    fn a_kind_is_confirmed_after_a_few() {
        let mut confirmed = Confirmed::default();
        let seen = record(Outcome::Fail, late(), "INV-1");
        let unsure = record(Outcome::Inconclusive, late(), "INV-1");
        for _ in 0..CONFIRMATIONS {
            assert!(confirmed.failure(&seen).is_none());
            confirmed.record(&unsure, &seen);
        }
        let failure = confirmed.failure(&unsure).unwrap();
        assert_eq!((failure.outcome, failure.charged), (Outcome::Fail, seen.charged.clone()));
        assert!(confirmed.failure(&record(Outcome::Fail, late(), "INV-2")).is_none(), "another requirement");
        let other = Fault::StillRunning { waited: Duration::from_secs(5) };
        assert!(confirmed.failure(&record(Outcome::Fail, other, "INV-1")).is_none(), "another fault");
    }

    #[test]
    fn a_kind_that_passes_alone_is_never_confirmed() {
        let mut confirmed = Confirmed::default();
        let seen = record(Outcome::Fail, late(), "INV-1");
        confirmed.record(&seen, &record(Outcome::Pass, late(), "INV-1"));
        for _ in 0..2 * CONFIRMATIONS {
            confirmed.record(&seen, &seen);
        }
        assert!(confirmed.failure(&seen).is_none());
    }

    #[test]
    fn cases_that_run_at_the_same_time_overlap() {
        let company = Company::default();
        let alone = company.start();
        assert!(!company.end(alone));
        let (second, third) = (company.start(), company.start());
        assert!(company.end(second), "another began meanwhile");
        assert!(company.end(third), "another ran already");
    }

    #[test]
    fn one_large_submission_does_not_slow_down_the_class() {
        let mut limit = CaseLimit::new(4, 320, Some(4 * GIB));
        limit.record(0, GIB);
        assert_eq!(limit.get(), 2);
        (1..32).for_each(|submission| limit.record(submission, 8 << 20));
        assert_eq!(limit.get(), 51);
    }

    #[rstest]
    #[case::nothing_known_yet(Some(16 * GIB), &[], 4)]
    #[case::small_targets(Some(16 * GIB), &[4 << 20, 3 << 20], 64)]
    #[case::big_targets(Some(16 * GIB), &[4 << 20, 300 << 20], 27)]
    #[case::bigger_than_the_machine(Some(GIB), &[2 * GIB], 1)]
    #[case::ended_before_it_was_measured(Some(16 * GIB), &[0], 64)]
    #[case::a_system_that_does_not_say(None, &[300 << 20], 64)]
    fn all_targets_fit_into_the_memory(
        #[case] available: Option<u64>,
        #[case] bytes: &[u64],
        #[case] expected: usize,
    ) {
        let mut limit = CaseLimit::new(4, 64, available);
        bytes.iter().for_each(|&bytes| limit.record(0, bytes));
        assert_eq!(limit.get(), expected);
    }
}
