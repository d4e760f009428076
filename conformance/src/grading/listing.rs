//! `--list`: the cases of a run, without playing them.

use std::io::{self, Write};

use crate::model::case::Case;
use crate::model::exit::Exit;
use crate::model::plan::Plan;
use crate::model::refusal::Refusal;
use crate::report::format::{ReportArg, ReportFormat};
use crate::report::json;

/// Writes the list, as JSON if that is asked for.
pub(crate) fn list(plan: &Plan, reports: &[ReportArg]) -> Result<Exit, Refusal> {
    let as_json = reports.iter().any(|report| report.format == ReportFormat::Json);
    let mut out = io::stdout().lock();
    let written = if as_json { json::write_plan(plan, &mut out) } else { list_lines(plan, &mut out) };
    match written {
        // A reader such as `head` may close the pipe early. That is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::not_carried_out(error)),
        _ => Ok(Exit::Holds),
    }
}

fn list_lines(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let line = |case: &Case, note: String| {
        let ids: Vec<_> = case.requirements.iter().map(ToString::to_string).collect();
        format!("{}  {}  {}{note}", case.id, ids.join(","), case.summary)
    };
    let waits = |case: &Case| match case.least_wait().as_secs_f64() {
        seconds if seconds >= 0.5 => format!("  (waits {seconds:.0} s)"),
        _ => String::new(),
    };
    let mut lines: Vec<_> = plan.cases.iter().map(|case| line(case, waits(case))).collect();
    lines.extend(
        plan.dropped.iter().map(|dropped| line(&dropped.case, format!("  (not run: {})", dropped.reason))),
    );
    lines.sort();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
