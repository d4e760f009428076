//! The run as TAP, version 14, with a test point for each case. A failure that does not count (`--fail-on`, `--baseline`)
//! is a TODO, which a harness shows and does not count.

use crate::words::escape;
use std::fmt::{self, Write};
use std::io;

use super::RunReport;
use super::plain;
use crate::model::outcome::CaseRecord;
use crate::model::requirement::{Catalogue, RequirementId};
use crate::model::standing::Standing;

/// The whole report as TAP.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let mut out = String::new();
    write_report(&mut out, report, catalogue).map_err(io::Error::other)?;
    Ok(out.into_bytes())
}

fn write_report(out: &mut String, report: &RunReport, catalogue: &Catalogue) -> fmt::Result {
    writeln!(out, "TAP version 14")?;
    writeln!(out, "1..{}", report.cases.len())?;
    writeln!(out, "# {} {} on {}", report.tool.name, report.tool.version, plain::target(report))?;
    for (index, case) in report.cases.iter().enumerate() {
        write_point(out, index + 1, case, report, catalogue)?;
    }
    Ok(())
}

fn write_point(
    out: &mut String,
    number: usize,
    case: &CaseRecord,
    report: &RunReport,
    catalogue: &Catalogue,
) -> fmt::Result {
    let standing = Standing::of(case, report);
    let description = description(&format!("{}: {}", case.id, case.summary));
    let remark = standing.remark().unwrap_or_default();
    match standing {
        Standing::Passed => return writeln!(out, "ok {number} - {description}"),
        Standing::Skipped => {
            return writeln!(out, "ok {number} - {description} # SKIP {}", plain::message(case));
        }
        Standing::FailedBelow(_) | Standing::KnownFailure => {
            writeln!(out, "not ok {number} - {description} # TODO {remark}")?;
        }
        Standing::Failed | Standing::Broken | Standing::Fixed => {
            writeln!(out, "not ok {number} - {description}")?;
        }
    }
    // Every line of the block is indented, even an empty one. A line without an indent would end the block.
    writeln!(out, "  ---")?;
    let message = if standing == Standing::Fixed { remark } else { plain::message(case) };
    write_pair(out, "message", &message)?;
    write_pair(out, "severity", if standing == Standing::Broken { "error" } else { "fail" })?;
    write_pair(out, "requirements", &plain::ids(concerned(case)))?;
    if let Some((number, problem)) = report.problem_of(&case.id) {
        write_pair(out, "problem", &format!("{number}: {}", escape::line(&problem.title)))?;
        write_pair(out, "witness", &problem.witness)?;
    }
    for (key, value) in [("expected", &case.expected), ("actual", &case.actual)] {
        if let Some(value) = value {
            write_pair(out, key, &escape::line(value))?;
        }
    }
    writeln!(out, "  duration_ms: {:.3}", case.duration.as_secs_f64() * 1000.0)?;
    writeln!(out, "  detail: |")?;
    for line in plain::case_lines(case, report, catalogue) {
        writeln!(out, "    {line}")?;
    }
    writeln!(out, "  ...")
}

/// The requirements that a case failed on, or else those that it is evidence for.
fn concerned(case: &CaseRecord) -> &[RequirementId] {
    if case.charged.is_empty() { &case.requirements } else { &case.charged }
}

/// A description with `\` and `#` escaped (TAP 14, Escaping).
fn description(text: &str) -> String {
    escape::line(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// A key with a value in YAML's double-quoted style. The value is escaped text on one line.
fn write_pair(out: &mut String, key: &str, value: &str) -> fmt::Result {
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    writeln!(out, "  {key}: \"{quoted}\"")
}
