//! The table of the requirements: each with its words from the catalogue and its cases. A case is told whole in
//! one place of the page, and linked to from all others.

use super::CaseView;
use super::case::place;
use super::mark::Mark;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::requirement::{Catalogue, Requirement};
use crate::report::RunReport;
use crate::report::found::Found;
use crate::report::plain::{self, count};

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
    /// How many cases there are, or how many of them fail.
    pub(super) count: String,
    pub(super) entry: Option<&'r Requirement>,
    /// The things to fix that it fails because of, by number.
    pub(super) problems: Vec<usize>,
    pub(super) cases: Vec<Evidence<'r>>,
}

/// A case under a requirement.
#[derive(Debug)]
pub(super) enum Evidence<'r> {
    /// Told here.
    Here(Box<CaseView<'r>>),
    /// Told elsewhere: its place in the report, how it came out, its id, and where it is told.
    There(usize, Mark, &'r str, String),
    /// There is nothing to tell but why it was not run.
    Unplayed(Mark, &'r str, String),
}

/// Where on the page a case is told.
#[derive(Clone, Copy)]
enum Home<'r> {
    Problem(usize),
    Requirement(&'r RequirementRecord),
}

impl<'r> AreaView<'r> {
    /// Every area of the report, in its order.
    pub(super) fn all(found: &[Found<'r>], report: &'r RunReport, catalogue: &'r Catalogue) -> Vec<Self> {
        let homes: Vec<_> = report.cases.iter().map(|case| home(case, found, report)).collect();
        let areas = report.requirements.chunk_by(|left, right| left.id.area() == right.id.area());
        let area = |records: &'r [RequirementRecord]| {
            let id = &records.first()?.id;
            let rows = records.iter().map(|record| RowView::of(record, found, &homes, report, catalogue));
            Some(Self { name: id.area(), title: id.area_title(), rows: rows.collect() })
        };
        areas.filter_map(area).collect()
    }
}

impl<'r> RowView<'r> {
    fn of(
        record: &'r RequirementRecord,
        found: &[Found<'r>],
        homes: &[Option<Home<'r>>],
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
            cases: cases.map(|(index, case)| evidence(index, case, record, homes, report)).collect(),
        }
    }
}

fn evidence<'r>(
    index: usize,
    case: &'r CaseRecord,
    record: &RequirementRecord,
    homes: &[Option<Home<'r>>],
    report: &'r RunReport,
) -> Evidence<'r> {
    let mark = Mark::of_case(case, report);
    match homes.get(index).copied().flatten() {
        _ if case.outcome == Outcome::Skip => Evidence::Unplayed(mark, &case.id, plain::message(case)),
        Some(Home::Problem(number)) => {
            Evidence::There(index, mark, &case.id, format!("number {number} of what to fix"))
        }
        Some(Home::Requirement(home)) if home.id != record.id => {
            Evidence::There(index, mark, &case.id, home.id.to_string())
        }
        _ => Evidence::Here(Box::new(CaseView::of(index, report))),
    }
}

/// With the problem that it shows best, else with the requirement that it failed on, else with the first that it
/// is evidence for.
fn home<'r>(case: &'r CaseRecord, found: &[Found<'r>], report: &'r RunReport) -> Option<Home<'r>> {
    let shown_by = |found: &Found<'r>| std::ptr::eq(found.witness, case);
    if let Some(number) = found.iter().position(shown_by) {
        return place(case, report).map(|_| Home::Problem(number + 1));
    }
    let listed = || report.requirements.iter().filter(|record| record.cases.contains(&case.id));
    let charged = listed().find(|record| case.charged.contains(&record.id));
    let own = || listed().find(|record| case.requirements.first() == Some(&record.id));
    charged.or_else(own).or_else(|| listed().next()).map(Home::Requirement)
}
