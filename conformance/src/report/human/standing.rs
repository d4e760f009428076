//! How a program stands, in one line, and how each area does.

use crate::model::outcome::{Outcome, RequirementRecord};
use crate::report::RunReport;
use crate::report::plain::{self, count};

/// The program, the part, and how it stands.
pub(super) fn line(report: &RunReport) -> String {
    let problems = match report.problems.len() {
        0 => "no problem".to_owned(),
        number => count(number, "problem"),
    };
    let parts = counts(&report.requirements, |record| match problem_of(record, report) {
        Some(number) if report.problems.len() > 1 => format!(" because of problem {number}"),
        _ => String::new(),
    });
    let of = count(report.requirements.len(), "requirement");
    let part = report.options.part.name();
    format!("{}, {part}: {problems}. Of {of}: {}.", plain::target(report), joined(&parts))
}

/// The number of the problem that a requirement fails because of.
pub(super) fn problem_of(record: &RequirementRecord, report: &RunReport) -> Option<usize> {
    let number = report.problems.iter().position(|problem| problem.requirements.contains(&record.id));
    number.map(|index| index + 1)
}

/// How the requirements of one area do.
pub(super) fn of_area(records: &[RequirementRecord]) -> String {
    joined(&counts(records, |_| String::new()))
}

/// "31 hold, 1 fails".
fn joined(counts: &[(usize, String)]) -> String {
    let part = |(number, words): &(usize, String)| match (number, words.split_at(4)) {
        (1, (verb @ ("hold" | "fail"), rest)) => format!("1 {verb}s{rest}"),
        _ => format!("{number} {words}"),
    };
    counts.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// How many requirements there are of each kind. `why` follows a failure.
fn counts(records: &[RequirementRecord], why: impl Fn(&RequirementRecord) -> String) -> Vec<(usize, String)> {
    let word = |record: &RequirementRecord| match record.outcome {
        Outcome::Pass => "hold".to_owned(),
        Outcome::Fail => format!("fail{}", why(record)),
        Outcome::Skip if record.is_blocked() => "not judged, because others fail".to_owned(),
        Outcome::Error | Outcome::Inconclusive => "could not be judged".to_owned(),
        Outcome::Skip => "not run".to_owned(),
    };
    let mut counts: Vec<(Outcome, usize, String)> = Vec::new();
    for record in records {
        let word = word(record);
        match counts.iter_mut().find(|(_, _, known)| *known == word) {
            Some((_, number, _)) => *number += 1,
            None => counts.push((record.outcome, 1, word)),
        }
    }
    let order = [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive, Outcome::Error, Outcome::Skip];
    counts.sort_by_key(|(outcome, _, word)| (order.iter().position(|one| one == outcome), word.clone()));
    counts.into_iter().map(|(_, number, word)| (number, word)).collect()
}
