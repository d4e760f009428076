//! One thing to fix: the likely cause, the requirements that fail because of it, the case that shows it best,
//! and the names of the others.

use super::CaseView;
use super::case::index_of;
use crate::model::outcome::{CaseRecord, RequirementRecord};
use crate::model::requirement::{Catalogue, Requirement};
use crate::report::{RunReport, plain};
use crate::words::found::Found;

/// A list of further cases with at most this many lines is open.
const SHORT: usize = 6;

/// A thing to fix, ready for its template.
#[derive(Debug)]
pub(super) struct ProblemView<'r> {
    pub(super) number: usize,
    pub(super) title: String,
    pub(super) remedy: Option<String>,
    /// Whether the title only says what was seen.
    pub(super) certain: bool,
    /// The lines of the program that its stack traces name.
    pub(super) places: &'r [String],
    /// Whether the cause was recognised.
    pub(super) recognised: bool,
    /// Whether every requirement of it is a known failure (`--baseline`).
    pub(super) known: bool,
    pub(super) requirements: Vec<&'r RequirementRecord>,
    /// The catalogue's entry for the first requirement.
    pub(super) foremost: Option<&'r Requirement>,
    pub(super) case: Option<CaseView<'r>>,
    /// Other cases that show it, and those that fail because of it, by file.
    pub(super) others: Vec<Others<'r>>,
}

/// Further cases of a problem.
#[derive(Debug)]
pub(super) struct Others<'r> {
    pub(super) what: String,
    pub(super) files: Vec<File<'r>>,
}

/// The cases of one file of conversations.
#[derive(Debug)]
pub(super) struct File<'r> {
    /// Its name, if several cases belong to it.
    pub(super) stem: Option<&'r str>,
    /// The index of each case in the report, and its variant; for a single case its whole id.
    pub(super) cases: Vec<(usize, &'r str)>,
}

impl<'r> ProblemView<'r> {
    /// Every problem of a run.
    pub(super) fn all(found: &[Found<'r>], report: &'r RunReport, catalogue: &'r Catalogue) -> Vec<Self> {
        found.iter().map(|found| Self::of(found, report, catalogue)).collect()
    }

    fn of(found: &Found<'r>, report: &'r RunReport, catalogue: &'r Catalogue) -> Self {
        let records = &found.requirements;
        let others = [
            ("The same is seen in", &found.others),
            ("Because of it, something fails in", &found.consequences),
        ];
        Self {
            number: found.number,
            title: found.problem.title.clone(),
            remedy: found.problem.remedy.clone(),
            certain: found.problem.certain,
            places: &found.problem.places,
            recognised: found.problem.key.is_some(),
            known: !records.is_empty()
                && records.iter().all(|record| plain::is_known_failure(record, report)),
            requirements: records.clone(),
            foremost: records.first().and_then(|record| catalogue.find(&record.id)),
            case: index_of(found.witness, report).map(|index| CaseView::of(index, report)),
            others: (others.into_iter())
                .filter(|(_, cases)| !cases.is_empty())
                .map(|(what, cases)| Others::of(what, cases, report))
                .collect(),
        }
    }
}

impl<'r> Others<'r> {
    /// Whether the list is short enough to be open.
    pub(super) fn is_short(&self) -> bool {
        self.files.len() <= SHORT
    }

    fn of(what: &str, cases: &[&'r CaseRecord], report: &'r RunReport) -> Self {
        let file = |(stem, cases): (&'r str, Vec<&'r CaseRecord>)| {
            let stem = (cases.len() > 1).then_some(stem);
            let variant = |case: &'r CaseRecord| &case.id[stem.map_or(0, str::len)..];
            let cases = cases.iter().filter_map(|case| Some((index_of(case, report)?, variant(case))));
            File { stem, cases: cases.collect() }
        };
        Self {
            what: format!("{what} {}", plain::count(cases.len(), "other case")),
            files: plain::by_file(cases).into_iter().map(file).collect(),
        }
    }
}
