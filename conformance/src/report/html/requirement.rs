//! The table of the requirements, each with its text from the catalogue and its cases. A case is shown in full at one
//! place of the page. All other places have a link.

use super::CaseView;
use super::case::index_of;
use super::mark::Mark;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::requirement::{Catalogue, Requirement};
use crate::report::RunReport;
use crate::report::plain::{self, count};
use crate::words::found::Found;

/// The requirements of one area.
#[derive(Debug)]
pub(super) struct AreaView<'r> {
    pub(super) name: &'r str,
    pub(super) title: &'static str,
    pub(super) rows: Vec<RowView<'r>>,
}

/// A requirement, ready for its template.
#[derive(Debug)]
pub(super) struct RowView<'r> {
    pub(super) record: &'r RequirementRecord,
    pub(super) mark: Mark,
    /// How many cases there are, and how many of them fail.
    pub(super) count: String,
    pub(super) entry: Option<&'r Requirement>,
    /// The numbers of the things to fix that make it fail.
    pub(super) problems: Vec<usize>,
    pub(super) cases: Vec<Evidence<'r>>,
}

/// A case under a requirement.
#[derive(Debug)]
pub(super) enum Evidence<'r> {
    /// Shown in full here.
    Here(Box<CaseView<'r>>),
    /// Shown at another place: its number in the report, its outcome, its id, and the place.
    There(usize, Mark, &'r str, String),
    /// Not run, with the reason.
    Unplayed(Mark, &'r str, String),
}

/// The place of the page that shows a case in full.
#[derive(Clone, Copy)]
enum Place<'r> {
    Problem(usize),
    Requirement(&'r RequirementRecord),
}

impl<'r> AreaView<'r> {
    /// Every area of the report, in its order.
    pub(super) fn all(found: &[Found<'r>], report: &'r RunReport, catalogue: &'r Catalogue) -> Vec<Self> {
        let places: Vec<_> = report.cases.iter().map(|case| place_of(case, found, report)).collect();
        let areas = report.requirements.chunk_by(|left, right| left.id.area() == right.id.area());
        let area = |records: &'r [RequirementRecord]| {
            let id = &records.first()?.id;
            let rows = records.iter().map(|record| RowView::of(record, found, &places, report, catalogue));
            Some(Self { name: id.area(), title: id.area_title(), rows: rows.collect() })
        };
        areas.filter_map(area).collect()
    }
}

impl<'r> RowView<'r> {
    fn of(
        record: &'r RequirementRecord,
        found: &[Found<'r>],
        places: &[Option<Place<'r>>],
        report: &'r RunReport,
        catalogue: &'r Catalogue,
    ) -> Self {
        let failing = plain::cases_charged(report, &record.id).len();
        let all = count(record.cases.len(), "case");
        let of_it = |problem: &&Found<'r>| problem.requirements.iter().any(|other| other.id == record.id);
        let cases = report.cases.iter().enumerate().filter(|(_, case)| record.cases.contains(&case.id));
        Self {
            record,
            mark: match record.outcome {
                Outcome::Skip if !record.is_blocked() => Mark { word: "not run", ..Mark::of(Outcome::Skip) },
                outcome => Mark::of(outcome),
            },
            count: if failing > 0 { format!("{failing} of {all}") } else { all },
            entry: catalogue.find(&record.id),
            problems: found.iter().filter(of_it).map(|problem| problem.number).collect(),
            cases: cases.map(|(index, case)| evidence(index, case, record, places, report)).collect(),
        }
    }
}

fn evidence<'r>(
    index: usize,
    case: &'r CaseRecord,
    record: &RequirementRecord,
    places: &[Option<Place<'r>>],
    report: &'r RunReport,
) -> Evidence<'r> {
    let mark = Mark::of_case(case, report);
    match places.get(index).copied().flatten() {
        _ if case.outcome == Outcome::Skip => Evidence::Unplayed(mark, &case.id, plain::message(case)),
        Some(Place::Problem(number)) => Evidence::There(index, mark, &case.id, format!("problem {number}")),
        Some(Place::Requirement(shown)) if shown.id != record.id => {
            Evidence::There(index, mark, &case.id, shown.id.to_string())
        }
        _ => Evidence::Here(Box::new(CaseView::of(index, report))),
    }
}

/// The problem that the case shows best, or else the requirement that it failed on, or else the first that it is
/// evidence for.
fn place_of<'r>(case: &'r CaseRecord, found: &[Found<'r>], report: &'r RunReport) -> Option<Place<'r>> {
    let shown_by = |found: &Found<'r>| std::ptr::eq(found.witness, case);
    if let Some(number) = found.iter().position(shown_by) {
        return index_of(case, report).map(|_| Place::Problem(number + 1));
    }
    let listed = || report.requirements.iter().filter(|record| record.cases.contains(&case.id));
    let charged = listed().find(|record| case.charged.contains(&record.id));
    let own = || listed().find(|record| case.requirements.first() == Some(&record.id));
    charged.or_else(own).or_else(|| listed().next()).map(Place::Requirement)
}
