//! Makes one problem of all failures that share a cause, adds the failures that it explains, and chooses the case that
//! shows it best. The choice does not depend on how fast, or in how many pieces, bytes came. So two runs of one program
//! have the same problems.

use std::cmp::Reverse;

use super::cause::{explains, recognise};
use crate::model::fault::FaultKind;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::problem::{Cause, Problem};
use crate::model::requirement::{Level, RequirementId};
use crate::model::tolerance::Tolerances;

/// What all failures of one problem have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    /// The key of their cause.
    Cause(String),
    /// If no cause was recognised: the requirements, and the kind of fault.
    Fault(Vec<RequirementId>, Option<FaultKind>),
}

/// The cases of one problem.
struct Group<'r> {
    key: Key,
    cases: Vec<&'r CaseRecord>,
    consequences: Vec<&'r CaseRecord>,
}

impl Key {
    fn of(case: &CaseRecord) -> Self {
        match &case.cause {
            Some(cause) => Self::Cause(cause.key.clone()),
            None => {
                let fault = case.finding.as_ref().map(|finding| finding.fault.kind());
                Self::Fault(case.charged.clone(), fault)
            }
        }
    }

    /// Whether this one probably leads to the failures of `effect`.
    fn explains(&self, effect: &Self) -> bool {
        matches!((self, effect), (Self::Cause(cause), Self::Cause(effect)) if explains(cause, effect))
    }
}

/// Sets the cause of each failed case, and returns the problems: those of the highest level first, and then those with
/// the most cases.
pub fn of_run(
    requirements: &[RequirementRecord],
    cases: &mut [CaseRecord],
    tolerances: &Tolerances,
) -> Vec<Problem> {
    for case in cases.iter_mut() {
        case.cause = cause(case, tolerances);
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for case in cases.iter().filter(|case| case.outcome == Outcome::Fail) {
        let key = Key::of(case);
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.cases.push(case),
            None => groups.push(Group { key, cases: vec![case], consequences: Vec::new() }),
        }
    }
    let mut problems: Vec<_> =
        absorbed(groups).into_iter().filter_map(|group| group.into_problem(requirements)).collect();
    // The sort is stable: equal problems stay in the order of the cases.
    problems.sort_by_key(|(weight, _)| Reverse(*weight));
    problems.into_iter().map(|(_, problem)| problem).collect()
}

/// What is probably wrong in the program, if a failed case shows it.
pub fn cause(case: &CaseRecord, tolerances: &Tolerances) -> Option<Cause> {
    (case.outcome == Outcome::Fail).then(|| recognise(case, tolerances)).flatten()
}

/// Removes the groups that another one explains. Their cases become its consequences.
fn absorbed(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let keys: Vec<_> = groups.iter().map(|group| group.key.clone()).collect();
    let cause_of = |effect: &Key| {
        let causes: Vec<_> = keys.iter().filter(|cause| cause.explains(effect)).collect();
        let is_effect = |cause: &Key| causes.iter().any(|other| other.explains(cause));
        // If several could be its cause, it is a problem of its own.
        match causes.iter().filter(|cause| !is_effect(cause)).collect::<Vec<_>>()[..] {
            [cause] => Some((*cause).clone()),
            _ => None,
        }
    };
    let (effects, mut kept): (Vec<_>, Vec<_>) =
        groups.into_iter().map(|group| (cause_of(&group.key), group)).partition(|(cause, _)| cause.is_some());
    for (cause, group) in effects {
        if let Some((_, into)) = kept.iter_mut().find(|(_, other)| Some(&other.key) == cause.as_ref()) {
            into.consequences.extend(group.cases.iter().chain(&group.consequences));
        }
    }
    kept.into_iter().map(|(_, group)| group).collect()
}

impl Group<'_> {
    /// The problem, with its level and number of cases for the order.
    fn into_problem(
        mut self,
        requirements: &[RequirementRecord],
    ) -> Option<((Option<Level>, usize), Problem)> {
        let all = || self.cases.iter().chain(&self.consequences);
        let charged = |record: &&RequirementRecord| all().any(|case| case.charged.contains(&record.id));
        let mut records: Vec<_> = requirements.iter().filter(charged).collect();
        // The highest level comes first, then the requirement that most cases fail on.
        let weight = |record: &RequirementRecord| {
            let about_it = self.cases.iter().filter(|case| case.charged.contains(&record.id));
            (record.level, about_it.count())
        };
        records.sort_by_key(|record| Reverse(weight(record)));
        let first = records.first().map(|record| &record.id);
        self.cases.sort_by_key(|case| {
            let charged = first.is_some_and(|id| case.charged.contains(id));
            let about_it = charged && case.requirements.first() == first;
            let step = case.finding.as_ref().map(|finding| finding.step);
            (!about_it, !charged, step)
        });
        let weight = (records.first().map(|record| record.level), self.cases.len() + self.consequences.len());
        let ids = |cases: &[&CaseRecord]| cases.iter().map(|case| case.id.clone()).collect();
        let (witness, others) = self.cases.split_first()?;
        let problem = Problem {
            title: match &witness.cause {
                Some(cause) => cause.title.clone(),
                None => sentence(witness.message.as_deref().unwrap_or(&witness.summary)),
            },
            key: witness.cause.as_ref().map(|cause| cause.key.clone()),
            remedy: witness.cause.as_ref().map(|cause| cause.remedy.clone()),
            requirements: records.iter().map(|record| record.id.clone()).collect(),
            witness: witness.id.clone(),
            others: ids(others),
            consequences: ids(&self.consequences),
        };
        Some((weight, problem))
    }
}

/// The message with a capital letter at its beginning, as a title.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bytes::Pattern;
    use crate::model::fault::Fault;
    use crate::model::sample::failed;

    fn keys(cases: &[CaseRecord]) -> Vec<(String, usize, usize)> {
        let found = of_run(&[], &mut cases.to_vec(), &Tolerances::default());
        let key = |problem: &Problem| problem.key.clone().unwrap_or("nothing".to_owned());
        let counts = |problem: &Problem| (1 + problem.others.len(), problem.consequences.len());
        found.iter().map(|problem| (key(problem), counts(problem).0, counts(problem).1)).collect()
    }

    fn dead(event: &str) -> CaseRecord {
        let script = format!(
            "0 start\n100 ready\n200 connect\n200 open\n200 > 020101\n300 {event}\n400 refused no on s"
        );
        failed("server/a", "INV-1", "--server", &script, Fault::NotConnected { error: "no".to_owned() })
    }

    const TRACE: &str =
        "err Traceback (most recent call last):\\n  File \"t.py\", line 9, in f\\nKeyError: 7";

    #[test]
    fn deaths_without_a_reason_belong_to_the_one_with_a_reason() {
        let cases = [dead("close"), dead(TRACE), dead("exit 1"), dead(TRACE)];
        assert_eq!(keys(&cases), [("uncaught KeyError t.py, line 9".to_owned(), 2, 2)]);
    }

    #[test]
    fn two_possible_causes_leave_an_effect_alone() {
        let cases = [dead("close"), dead(TRACE), dead("killed 11")];
        assert_eq!(keys(&cases).len(), 3);
    }

    #[test]
    fn unrecognised_failures_are_grouped_by_requirement_and_kind() {
        let case = |id: &str, fault| failed("server/a", id, "--server", "0 start\n100 ready", fault);
        let wrong = |byte| Fault::WrongByte {
            expected: Pattern::parse("01").unwrap(),
            actual: vec![byte],
            offset: 0,
        };
        let cases = [
            case("SRV-2", wrong(7)),
            case("SRV-2", wrong(8)),
            case("SRV-5", wrong(7)),
            case("SRV-2", Fault::NoPort),
        ];
        assert_eq!(keys(&cases).iter().map(|(_, cases, _)| *cases).collect::<Vec<_>>(), [2, 1, 1]);
    }
}
