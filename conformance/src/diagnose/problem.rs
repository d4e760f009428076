//! Makes one problem of all failures that share a cause, adds the failures that it explains, and chooses the case that
//! shows it best. The choice does not depend on how fast, or in how many pieces, bytes came. So two runs of one program
//! have the same problems.

use std::cmp::Reverse;

use super::cause::recognise;
use super::cover::roots;
use super::seen::Seen;
use super::whole_run::compare;
use crate::model::case_pattern::CasePattern;
use crate::model::cause::Causes;
use crate::model::fault::FaultKind;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::problem::Problem;
use crate::model::requirement::{Level, RequirementId};
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{Entry, Event};

/// What all failures of one problem have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    /// The key of their cause.
    Cause(String),
    /// If no cause was recognised: the requirements, and the kind of fault.
    Fault(Vec<RequirementId>, Option<FaultKind>),
}

/// A failed case, and what it looks like.
type Failure<'r> = (&'r CaseRecord, Option<&'r Seen>);

/// The cases of one problem.
struct Group<'r> {
    key: Key,
    failures: Vec<Failure<'r>>,
    consequences: Vec<&'r CaseRecord>,
}

impl Key {
    fn of(case: &CaseRecord, look: Option<&Seen>) -> Self {
        match look {
            Some(look) => Self::Cause(look.group()),
            None => {
                let fault = case.finding.as_ref().map(|finding| finding.fault.kind());
                Self::Fault(case.charged.clone(), fault)
            }
        }
    }

    /// Whether this one probably leads to the failures of `effect`.
    fn leads_to(&self, effect: &Self) -> bool {
        let (Self::Cause(cause), Ok(causes)) = (self, Causes::built_in()) else { return false };
        match effect {
            Self::Cause(effect) => causes.explains(cause, effect),
            Self::Fault(requirements, _) => causes.may_break(cause, requirements),
        }
    }
}

/// Sets the cause of each failed case, and returns the problems: those of the highest level first, and then those with
/// the most cases.
pub fn of_run(
    requirements: &[RequirementRecord],
    cases: &mut [CaseRecord],
    tolerances: &Tolerances,
) -> Vec<Problem> {
    let failed = |case: &CaseRecord| case.outcome == Outcome::Fail;
    let look = |case: &CaseRecord| failed(case).then(|| recognise(case, tolerances)).flatten();
    let mut looks: Vec<Option<Seen>> = cases.iter().map(look).collect();
    compare(cases, &mut looks);
    for (case, look) in cases.iter_mut().zip(&looks) {
        case.cause = look.as_ref().and_then(Seen::cause);
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    let failures = cases.iter().zip(looks.iter().map(Option::as_ref)).filter(|(case, _)| failed(case));
    for failure in failures {
        let key = Key::of(failure.0, failure.1);
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.failures.push(failure),
            None => groups.push(Group { key, failures: vec![failure], consequences: Vec::new() }),
        }
    }
    let mut problems: Vec<_> =
        fewest(groups).into_iter().filter_map(|group| group.into_problem(requirements)).collect();
    // The sort is stable: equal problems stay in the order of the cases.
    problems.sort_by_key(|(weight, _)| Reverse(*weight));
    problems.into_iter().map(|(_, problem)| problem).collect()
}

/// The fewest groups that explain everything. The cases of the others become their consequences.
fn fewest(mut groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    // The stable order: of two groups that lead to each other, the larger one is the problem.
    groups.sort_by_key(|group| Reverse(group.failures.len()));
    let roots = roots(groups.len(), |from, to| groups[from].key.leads_to(&groups[to].key));
    for (group, root) in roots.iter().enumerate().filter(|(group, root)| group != *root) {
        let effects: Vec<_> = groups[group].cases().collect();
        groups[*root].consequences.extend(effects);
    }
    let numbered = groups.into_iter().enumerate();
    numbered.filter(|(group, _)| roots[*group] == *group).map(|(_, group)| group).collect()
}

impl<'r> Group<'r> {
    /// The cases that show it.
    fn cases(&self) -> impl Iterator<Item = &'r CaseRecord> {
        self.failures.iter().map(|(case, _)| *case)
    }

    /// The problem, with its level and number of cases for the order.
    fn into_problem(
        mut self,
        requirements: &[RequirementRecord],
    ) -> Option<((Option<Level>, usize), Problem)> {
        let all = || self.cases().chain(self.consequences.iter().copied());
        let charged = |record: &&RequirementRecord| all().any(|case| case.charged.contains(&record.id));
        let mut records: Vec<_> = requirements.iter().filter(charged).collect();
        // The highest level comes first, then the requirement that most cases fail on.
        let weight = |record: &RequirementRecord| {
            let about_it = self.cases().filter(|case| case.charged.contains(&record.id));
            (record.level, about_it.count())
        };
        records.sort_by_key(|record| Reverse(weight(record)));
        let level = |case: &CaseRecord| {
            records.iter().filter(|record| case.charged.contains(&record.id)).map(|record| record.level).max()
        };
        let looks: Vec<&Seen> = self.failures.iter().filter_map(|(_, look)| *look).collect();
        // A cause of the whole run says which cases show it.
        let entry = looks.first().and_then(|look| look.entry());
        let telling: Vec<_> =
            entry.iter().flat_map(|entry| &entry.fails).map(|text| CasePattern::new(text)).collect();
        self.failures.sort_by_key(|(case, _)| {
            let tells = telling.iter().any(|pattern| pattern.names(&case.id));
            let of_its_own = case.requirements.first().is_some_and(|id| case.charged.contains(id));
            let step = case.finding.as_ref().map(|finding| finding.step);
            // The shortest conversation has the least besides what is wrong. A later session is harder to read.
            let later = case.id.contains("/second-session/");
            let length = (connections(case), step, case.steps.len());
            // Of two equally short ones: that of the requirement that most cases fail on.
            let about = records.iter().position(|record| case.charged.contains(&record.id));
            (!tells, Reverse(level(case)), !of_its_own, later, length, about)
        });
        // What the witness shows comes first.
        let (witness, look) = *self.failures.first()?;
        records.sort_by_key(|record| !witness.charged.contains(&record.id));
        let weight =
            (records.first().map(|record| record.level), self.failures.len() + self.consequences.len());
        let id = |case: &CaseRecord| case.id.clone();
        // The values of the witness, and those of all failures in the places that list them.
        let cause = look.and_then(|look| look.listing(looks.iter().copied()).cause());
        let certain = cause.as_ref().is_none_or(|cause| cause.certain);
        let problem = Problem {
            title: match &cause {
                Some(cause) => cause.title.clone(),
                None => sentence(witness.message.as_deref().unwrap_or(&witness.summary)),
            },
            key: cause.as_ref().map(|cause| cause.key.clone()),
            remedy: cause.map(|cause| cause.remedy),
            // Without a cause the title is what was seen.
            certain,
            places: self.places(),
            requirements: records.iter().map(|record| record.id.clone()).collect(),
            witness: witness.id.clone(),
            others: self.cases().skip(1).map(id).collect(),
            consequences: self.consequences.iter().copied().map(id).collect(),
        };
        Some((weight, problem))
    }

    /// Each line of the program that one of its stack traces names, the witness's first.
    fn places(&self) -> Vec<String> {
        let named = self.cases().filter_map(|case| case.cause.as_ref()?.place.clone());
        let mut places: Vec<String> = Vec::new();
        named.for_each(|place| {
            if !places.contains(&place) {
                places.push(place);
            }
        });
        places
    }
}

/// How many connections were opened. Two runs of a long conversation may stop at different ones.
fn connections(case: &CaseRecord) -> usize {
    const MANY: usize = 10;
    let opened = |entry: &&Entry| {
        matches!(entry.event, Event::Connecting { .. } | Event::Opened { accepted: true, .. })
    };
    case.transcript.entries.iter().filter(opened).count().min(MANY)
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
        assert_eq!(keys(&cases), [("uncaught KeyError t.py:9".to_owned(), 2, 2)]);
    }

    #[test]
    fn an_effect_with_two_possible_causes_is_no_third_problem() {
        let cases = [dead("close"), dead(TRACE), dead("killed 11")];
        assert_eq!(keys(&cases).len(), 2);
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
