//! What there is to fix, with the records of its requirements and cases. Every format prints from this.

use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::problem::Problem;
use crate::model::requirement::RequirementId;
use crate::model::run_report::RunReport;
use crate::words::escape;

/// One thing to fix.
#[derive(Clone, Debug)]
pub struct Found<'r> {
    /// Its number, from 1 on.
    pub number: usize,
    /// The problem itself.
    pub problem: &'r Problem,
    /// The requirements that fail because of it, the most important first.
    pub requirements: Vec<&'r RequirementRecord>,
    /// The case that shows it best.
    pub witness: &'r CaseRecord,
    /// Other cases that show it.
    pub others: Vec<&'r CaseRecord>,
    /// Cases that fail because of it but do not show it.
    pub consequences: Vec<&'r CaseRecord>,
}

/// Everything that there is to fix.
pub fn found(report: &RunReport) -> Vec<Found<'_>> {
    let case = |id: &String| report.cases.iter().find(|case| case.id == *id);
    let cases = |ids: &[String]| ids.iter().filter_map(case).collect();
    let record = |id: &RequirementId| report.requirements.iter().find(|record| record.id == *id);
    let found = report.problems.iter().enumerate().filter_map(|(index, problem)| {
        Some(Found {
            number: index + 1,
            problem,
            requirements: problem.requirements.iter().filter_map(record).collect(),
            witness: case(&problem.witness)?,
            others: cases(&problem.others),
            consequences: cases(&problem.consequences),
        })
    });
    found.collect()
}

impl Found<'_> {
    /// What is wrong in one line.
    pub fn title(&self) -> String {
        escape::line(&self.problem.title)
    }

    /// The requirements that fail because of it. Of a long list the first four are named, and the others counted.
    pub fn ids(&self) -> String {
        const NAMED: usize = 4;
        let all: Vec<_> = self.requirements.iter().map(|record| record.id.to_string()).collect();
        match all.len().checked_sub(NAMED) {
            Some(more @ 2..) => format!("{} and {more} more", all[..NAMED].join(", ")),
            _ => all.join(", "),
        }
    }
}

/// The likely cause of a failed case, and the problem that it belongs to.
pub fn cause_lines(case: &CaseRecord, report: &RunReport) -> Vec<String> {
    if case.outcome != Outcome::Fail {
        return Vec::new();
    }
    let own = || {
        case.cause.iter().flat_map(|cause| {
            let how = if cause.certain { "What was seen" } else { "Likely cause" };
            let place = cause.place.as_ref().map(|place| format!("  Look at {}.", escape::line(place)));
            let lines = [
                format!("{how}: {}", escape::line(&cause.title)),
                format!("  {}", escape::line(&cause.remedy)),
            ];
            lines.into_iter().chain(place)
        })
    };
    let Some((number, problem)) = report.problem_of(&case.id) else { return own().collect() };
    let (what, title) =
        (format!("problem {number} of {}", report.problems.len()), escape::line(&problem.title));
    if problem.witness == case.id {
        own().chain([format!("This is {what}.")]).collect()
    } else if problem.others.contains(&case.id) {
        own().chain([format!("This is {what} ({title}). {} shows it best.", problem.witness)]).collect()
    } else {
        vec![format!("It fails because of {what} ({title}). {} shows it best.", problem.witness)]
    }
}

/// The cases of each file of conversations. The name of the file is the id without the variant.
pub fn by_file<'r>(cases: &[&'r CaseRecord]) -> Vec<(&'r str, Vec<&'r CaseRecord>)> {
    let mut files: Vec<(&str, Vec<&CaseRecord>)> = Vec::new();
    for case in cases {
        let stem = case.id.split('[').next().unwrap_or(&case.id);
        match files.iter_mut().find(|(known, _)| *known == stem) {
            Some((_, variants)) => variants.push(case),
            None => files.push((stem, vec![case])),
        }
    }
    files
}
