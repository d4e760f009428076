//! From the cases of a report to its requirements, problems and counts, where the cases did not come from a plan.

use crate::diagnose::problem;
use crate::model::outcome::{Summary, requirement_records};
use crate::model::plan::Plan;
use crate::model::requirement::{Catalogue, RequirementId};
use crate::report::RunReport;

/// Judges the requirements that the report is about, and every other one that a case failed on.
pub(crate) fn conclude(
    report: &mut RunReport,
    catalogue: &Catalogue,
    is_concerned: impl Fn(&RequirementId) -> bool,
) {
    let requirements = catalogue.all().iter().filter(|entry| is_concerned(&entry.id)).cloned().collect();
    let plan = Plan { cases: Vec::new(), dropped: Vec::new(), requirements };
    report.requirements = requirement_records(&plan, catalogue.all(), &report.cases);
    report.problems = problem::of_run(&report.requirements, &mut report.cases, &report.options.tolerances);
    report.summary = Summary::of(&report.requirements);
}
