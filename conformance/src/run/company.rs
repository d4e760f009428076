//! Which outcomes may be the work of our own crowd, and how often they are tried again alone. For `run`.
//!
//! Dozens of cases lie side by side, each with a target of its own. What one of them does late, or what it cannot
//! get (memory, processes), may be for want of what the others took. So **no failure of time is reported that was
//! seen only in company**: such a case is played once more alone, and what comes out then holds, a pass as well as a
//! failure. A target that is late when it is alone, too, has earned it.
//!
//! The price is bounded. A server that never answers fails half of all cases, and each takes seconds alone. One
//! failed case is enough for a requirement to fail, so the first failure that comes out alone decides the
//! requirements that it is charged to; the others of its kind (the same requirements, the same sort of fault) only
//! say in which conversations it shows. After [`CONFIRMATIONS`] of a kind the rest of that kind count as confirmed,
//! each with what was seen of it in company. That can name a conversation too many; it cannot fail a requirement
//! that holds alone. A kind that passes alone even once is never taken as confirmed: its failures are not all alike.

use std::collections::BTreeSet;

use crate::model::fault::{Fault, FaultKind};
use crate::model::lateness::Lateness;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::RequirementId;

/// How many failures of one kind come out alone before the others of that kind are believed.
pub(crate) const CONFIRMATIONS: usize = 3;

/// Whether an outcome has to be seen alone before it counts. `accompanied`: others ran beside it.
pub(crate) fn in_doubt(record: &CaseRecord, accompanied: bool) -> bool {
    match record.outcome {
        Outcome::Inconclusive => true,
        // Ours, and possibly for want of what the others took.
        Outcome::Error => accompanied,
        Outcome::Fail => {
            let fault = record.finding.as_ref().map(|finding| &finding.fault);
            accompanied && fault.is_some_and(may_be_of_company)
        }
        Outcome::Pass | Outcome::Skip => false,
    }
}

/// Whether others, who take time and memory, can have made a fault.
fn may_be_of_company(fault: &Fault) -> bool {
    let starved =
        matches!(fault, Fault::NotListening { .. } | Fault::NotAccepted { .. } | Fault::Killed { .. });
    starved || fault.lateness() != Lateness::Irrelevant
}

/// What is known of each kind of failure from cases that were played alone.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    kinds: Vec<(Kind, Seen)>,
}

type Kind = (Vec<RequirementId>, FaultKind);

#[derive(Debug, Default)]
struct Seen {
    failed: usize,
    passed: usize,
}

impl Confirmed {
    /// Takes in what became, alone, of a case that had come out as `before`.
    pub(crate) fn learn(&mut self, before: &CaseRecord, alone: &CaseRecord) {
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

    /// The failure that a record stands for, where enough of its kind have come out alone.
    pub(crate) fn failure(&self, record: &CaseRecord) -> Option<CaseRecord> {
        let kind = kind(record)?;
        let (_, seen) = self.kinds.iter().find(|(known, _)| *known == kind)?;
        let finding = record.finding.as_ref()?;
        (seen.failed >= CONFIRMATIONS && seen.passed == 0).then(|| CaseRecord {
            outcome: Outcome::Fail,
            charged: finding.charged.clone(),
            message: Some(finding.fault.to_string()),
            ..record.clone()
        })
    }
}

fn kind(record: &CaseRecord) -> Option<Kind> {
    let finding = record.finding.as_ref()?;
    Some((finding.charged.clone(), finding.fault.kind()))
}

/// Who runs now, and who has ever run beside another.
#[derive(Debug, Default)]
pub(crate) struct Company {
    running: BTreeSet<usize>,
    accompanied: BTreeSet<usize>,
}

impl Company {
    pub(crate) fn enter(&mut self, index: usize) {
        self.running.insert(index);
        if self.running.len() > 1 {
            self.accompanied.extend(&self.running);
        }
    }

    pub(crate) fn leave(&mut self, index: usize) {
        self.running.remove(&index);
    }

    pub(crate) fn had(&self, index: usize) -> bool {
        self.accompanied.contains(&index)
    }
}

/// How many cases may be there at once, the waiting ones included: as many as the machine has memory for, which the
/// first cases tell.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Before anything is known.
    first: usize,
    /// However small the targets are.
    most: usize,
    /// Memory that was free before the run, in bytes; `None` where the system does not tell.
    available: Option<u64>,
    /// What one target took at most.
    largest: Option<u64>,
}

impl Crowd {
    pub(crate) fn new(first: usize, most: usize, available: Option<u64>) -> Self {
        Self { first: first.min(most), most, available, largest: None }
    }

    /// One target held so much memory, in bytes; 0: it ended before anybody looked.
    pub(crate) fn learn(&mut self, bytes: u64) {
        self.largest = Some(self.largest.unwrap_or(0).max(bytes));
    }

    /// How many.
    pub(crate) fn limit(&self) -> usize {
        let Some(largest) = self.largest else { return self.first };
        let Some(room) = self.available.and_then(|bytes| (bytes / 2).checked_div(largest)) else {
            return self.most;
        };
        usize::try_from(room).unwrap_or(self.most).clamp(1, self.most)
    }
}

/// Memory that programs may still take, in bytes: what the machine has, or the control group of this process where
/// that has less.
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
        let text = include_str!("company/record.json");
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
    #[case::late_in_company(Outcome::Fail, late(), true, true)]
    #[case::late_alone(Outcome::Fail, late(), false, false)]
    #[case::killed_in_company(Outcome::Fail, Fault::Killed { signal: 9 }, true, true)]
    #[case::wrong_in_company(Outcome::Fail, Fault::PortZero, true, false)]
    #[case::unjudged(Outcome::Inconclusive, late(), false, true)]
    #[case::our_own_error(Outcome::Error, late(), true, true)]
    #[case::our_own_error_alone(Outcome::Error, late(), false, false)]
    #[case::passed(Outcome::Pass, late(), true, false)]
    fn what_others_can_have_made_is_in_doubt(
        #[case] outcome: Outcome,
        #[case] fault: Fault,
        #[case] accompanied: bool,
        #[case] doubted: bool,
    ) {
        assert_eq!(in_doubt(&record(outcome, fault, "SRV-1"), accompanied), doubted);
    }

    #[test]
    fn a_kind_is_believed_after_a_few() {
        let mut confirmed = Confirmed::default();
        let seen = record(Outcome::Fail, late(), "INV-1");
        let unsure = record(Outcome::Inconclusive, late(), "INV-1");
        for _ in 0..CONFIRMATIONS {
            assert!(confirmed.failure(&seen).is_none());
            confirmed.learn(&unsure, &seen);
        }
        let believed = confirmed.failure(&unsure).unwrap();
        assert_eq!((believed.outcome, believed.charged), (Outcome::Fail, seen.charged.clone()));
        assert!(confirmed.failure(&record(Outcome::Fail, late(), "INV-2")).is_none(), "another requirement");
        let other = Fault::StillRunning { waited: Duration::from_secs(5) };
        assert!(confirmed.failure(&record(Outcome::Fail, other, "INV-1")).is_none(), "another fault");
    }

    #[test]
    fn a_kind_that_passes_alone_is_never_believed() {
        let mut confirmed = Confirmed::default();
        let seen = record(Outcome::Fail, late(), "INV-1");
        confirmed.learn(&seen, &record(Outcome::Pass, late(), "INV-1"));
        for _ in 0..2 * CONFIRMATIONS {
            confirmed.learn(&seen, &seen);
        }
        assert!(confirmed.failure(&seen).is_none());
    }

    #[test]
    fn one_that_runs_beside_another_has_company() {
        let mut company = Company::default();
        company.enter(1);
        company.leave(1);
        company.enter(2);
        company.enter(3);
        company.leave(2);
        company.leave(3);
        assert_eq!([1, 2, 3].map(|index| company.had(index)), [false, true, true]);
    }

    #[rstest]
    #[case::nothing_known_yet(Some(16 * GIB), &[], 4)]
    #[case::small_targets(Some(16 * GIB), &[4 << 20, 3 << 20], 64)]
    #[case::big_targets(Some(16 * GIB), &[4 << 20, 300 << 20], 27)]
    #[case::bigger_than_the_machine(Some(GIB), &[2 * GIB], 1)]
    #[case::ended_before_a_look(Some(16 * GIB), &[0], 64)]
    #[case::a_system_that_does_not_tell(None, &[300 << 20], 64)]
    fn a_crowd_fits_the_machine(#[case] available: Option<u64>, #[case] bytes: &[u64], #[case] limit: usize) {
        let mut crowd = Crowd::new(4, 64, available);
        bytes.iter().for_each(|&bytes| crowd.learn(bytes));
        assert_eq!(crowd.limit(), limit);
    }
}
