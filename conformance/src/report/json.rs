//! The run as JSON (spec/report.schema.json).

use crate::words::escape;
use std::io::{self, Write};

use serde::Serialize;

use super::RunReport;
use crate::model::plan::Plan;
use crate::model::requirement::{Level, Part, RequirementId};

/// The whole report, one document and a newline.
pub fn render(report: &RunReport) -> io::Result<Vec<u8>> {
    let mut document = escape::json(report, true)?.into_bytes();
    document.push(b'\n');
    Ok(document)
}

/// What would run: like a report, but without outcomes.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    schema: u32,
    requirements: Vec<ListedRequirement<'a>>,
    cases: Vec<ListedCase<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedRequirement<'a> {
    id: &'a RequirementId,
    level: Level,
    part: Part,
    title: &'a str,
    cases: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct ListedCase<'a> {
    id: &'a str,
    summary: &'a str,
    requirements: &'a [RequirementId],
    least_wait_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<&'a str>,
}

/// Writes the cases of the plan as JSON.
pub fn write_plan(plan: &Plan, mut to: impl Write) -> io::Result<()> {
    let dropped = plan.dropped.iter().map(|dropped| (&dropped.case, Some(dropped.reason.as_str())));
    let mut cases: Vec<_> = plan.cases.iter().map(|case| (case, None)).chain(dropped).collect();
    cases.sort_by(|(left, _), (right, _)| left.id.cmp(&right.id));
    let requirements = plan.requirements.iter().map(|requirement| ListedRequirement {
        id: &requirement.id,
        level: requirement.level,
        part: requirement.part,
        title: &requirement.title,
        cases: (cases.iter())
            .filter(|(case, _)| case.requirements.contains(&requirement.id))
            .map(|(case, _)| case.id.as_str())
            .collect(),
    });
    let listing = Listing {
        schema: super::SCHEMA,
        requirements: requirements.collect(),
        cases: (cases.iter())
            .map(|(case, dropped)| ListedCase {
                id: &case.id,
                summary: &case.summary,
                requirements: &case.requirements,
                least_wait_s: case.least_wait().as_secs_f64(),
                dropped: *dropped,
            })
            .collect(),
    };
    writeln!(to, "{}", escape::json(&listing, true)?)
}
