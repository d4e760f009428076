//! Failures that share a cause, told as one: what a report goes through instead of failed cases.

use super::cause::{Cause, explains, recognise};
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::tolerance::Tolerances;

/// One thing to fix.
#[derive(Clone, Debug)]
pub struct Problem<'r> {
    /// What is probably wrong, where that was recognised.
    pub cause: Option<Cause>,
    /// The requirements that fail because of it, the foremost first.
    pub requirements: Vec<&'r RequirementRecord>,
    /// The cases that show it, the most telling one first.
    pub cases: Vec<&'r CaseRecord>,
    /// Further cases that fail because of it, though they do not show it themselves.
    pub consequences: Vec<&'r CaseRecord>,
}

impl Problem<'_> {
    /// What is wrong in one line.
    pub fn title(&self) -> String {
        match (&self.cause, self.cases.first()) {
            (Some(cause), _) => cause.title.clone(),
            (None, Some(case)) => sentence(case.message.as_deref().unwrap_or(&case.summary)),
            (None, None) => String::new(),
        }
    }
}

/// Without those that another one explains: its cases become that one's.
fn absorbed<'r>(found: Vec<(String, Problem<'r>)>) -> Vec<(String, Problem<'r>)> {
    let keys: Vec<_> = found.iter().map(|(key, _)| key.clone()).collect();
    let behind = |effect: &str| {
        let causes: Vec<_> = keys.iter().filter(|cause| explains(cause, effect)).collect();
        let is_effect = |cause: &str| causes.iter().any(|other| explains(other, cause));
        // Where several could be behind it, it stands for itself.
        match causes.iter().filter(|cause| !is_effect(cause)).collect::<Vec<_>>()[..] {
            [cause] => Some((*cause).clone()),
            _ => None,
        }
    };
    let (mut kept, effects): (Vec<_>, Vec<_>) = found
        .into_iter()
        .map(|(key, problem)| (behind(&key), key, problem))
        .partition(|(cause, ..)| cause.is_none());
    for (cause, key, problem) in effects {
        let root = cause.unwrap_or(key);
        if let Some((.., into)) = kept.iter_mut().find(|(_, known, _)| *known == root) {
            into.consequences.extend(problem.cases.iter().chain(&problem.consequences));
        }
    }
    kept.into_iter().map(|(_, key, problem)| (key, problem)).collect()
}

/// Messages are fragments; a title begins with a capital letter.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Every failure of a run, grouped by its recognised cause, or by requirement and kind of fault where none
/// was; those of the highest level first, and among them the one that most cases show.
pub fn problems<'r>(
    requirements: &'r [RequirementRecord],
    cases: &'r [CaseRecord],
    tolerances: &Tolerances,
) -> Vec<Problem<'r>> {
    let mut found: Vec<(String, Problem<'r>)> = Vec::new();
    for case in cases.iter().filter(|case| case.outcome == Outcome::Fail) {
        let cause = recognise(case, tolerances);
        let key = cause.as_ref().map_or_else(|| unrecognised(case), |cause| cause.key.clone());
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, problem)) => problem.cases.push(case),
            None => found.push((
                key,
                Problem { cause, requirements: Vec::new(), cases: vec![case], consequences: Vec::new() },
            )),
        }
    }
    let found = absorbed(found);
    let mut problems: Vec<_> =
        found.into_iter().map(|(_, problem)| complete(problem, requirements, tolerances)).collect();
    problems.sort_by_key(|problem| {
        let level = problem.requirements.iter().map(|record| record.level).max();
        (std::cmp::Reverse(level), std::cmp::Reverse(problem.cases.len() + problem.consequences.len()))
    });
    problems
}

fn unrecognised(case: &CaseRecord) -> String {
    let ids: Vec<_> = case.charged.iter().map(ToString::to_string).collect();
    let fault = case.finding.as_ref().map(|finding| &finding.fault);
    let kind = fault.map(kind_of).unwrap_or_default();
    format!("{} {kind}", ids.join(" "))
}

/// The fault's kind without its values.
fn kind_of(fault: &Fault) -> String {
    let words = format!("{fault:?}");
    let words = words.strip_prefix("Data(").unwrap_or(&words);
    words.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn complete<'r>(
    mut problem: Problem<'r>,
    requirements: &'r [RequirementRecord],
    tolerances: &Tolerances,
) -> Problem<'r> {
    let all = || problem.cases.iter().chain(&problem.consequences);
    let charged = |record: &&RequirementRecord| all().any(|case| case.charged.contains(&record.id));
    problem.requirements = requirements.iter().filter(charged).collect();
    // The highest level speaks for all, and within it what most cases are about.
    let weight = |record: &RequirementRecord| {
        let about_it = problem.cases.iter().filter(|case| case.charged.contains(&record.id));
        (record.level, about_it.count())
    };
    problem.requirements.sort_by_key(|record| std::cmp::Reverse(weight(record)));
    let foremost = problem.requirements.first().map(|record| &record.id);
    problem.cases.sort_by_key(|case| {
        let about_it =
            foremost.is_some_and(|id| case.requirements.first() == Some(id) && case.charged.contains(id));
        (!about_it, foremost.is_some_and(|id| !case.charged.contains(id)), case.transcript.entries.len())
    });
    // The cause in the words of the case that is shown.
    if let Some(cause) = problem.cases.first().and_then(|case| recognise(case, tolerances)) {
        problem.cause = Some(cause);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bytes::Pattern;
    use crate::model::sample::failed;

    fn keys(cases: &[CaseRecord]) -> Vec<(String, usize, usize)> {
        let found = problems(&[], cases, &Tolerances::default());
        let key = |problem: &Problem<'_>| {
            problem.cause.as_ref().map_or("nothing".to_owned(), |cause| cause.key.clone())
        };
        found.iter().map(|problem| (key(problem), problem.cases.len(), problem.consequences.len())).collect()
    }

    fn dead(event: &str) -> CaseRecord {
        let script = format!(
            "0 start\n0.1 ready\n0.2 connect\n0.2 open\n0.2 > 020101\n0.3 {event}\n0.4 [s] refused no"
        );
        failed("server/a", "INV-1", "--server", &script, Fault::NotConnected { error: "no".to_owned() })
    }

    const TRACE: &str =
        "err Traceback (most recent call last):\\n  File \"t.py\", line 9, in f\\nKeyError: 7";

    #[test]
    fn deaths_without_a_word_are_told_with_the_one_that_speaks() {
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
        let case = |id: &str, fault| failed("server/a", id, "--server", "0 start\n0.1 ready", fault);
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
