//! The run as text for a person: a line for each thing to fix, a line for each requirement, then each thing to fix with
//! its evidence, and the summary.

mod problem;

use super::RunReport;
use super::found::{Found, found};
use super::plain::{self, count};
use super::tally::Tally;
use crate::model::known::Comparison;
use crate::model::notation::show;
use crate::model::outcome::{Outcome, RequirementRecord};
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, Level, SOURCES};
use crate::words::escape;
use crate::words::page::{BAD, BOLD, DIM, GOOD, Page, UNSURE, painted};

/// The whole report as text with colours, `width` columns wide.
pub fn render(report: &RunReport, catalogue: &Catalogue, width: usize) -> String {
    let mut page = Page::new(width);
    let found = found(report);
    page.line(painted(BOLD, format!("Conformance of {}", plain::target(report))));
    write_overview(&mut page, &found);
    write_table(&mut page, report);
    for problem in &found {
        problem::write(&mut page, problem, report, catalogue);
    }
    if !found.is_empty() {
        page.blank();
        page.wrapped("", &painted(DIM, SOURCES));
    }
    write_unjudged(&mut page, report);
    write_summary(&mut page, report, &found);
    page.into_text()
}

/// Only what is wrong, each thing with its evidence, and what could not be judged.
pub fn render_problems(report: &RunReport, catalogue: &Catalogue, width: usize) -> String {
    let mut page = Page::new(width);
    let found = found(report);
    for problem in &found {
        problem::write(&mut page, problem, report, catalogue);
    }
    write_unjudged(&mut page, report);
    page.into_text()
}

/// A line for each thing to fix.
fn write_overview(page: &mut Page, problems: &[Found<'_>]) {
    if problems.is_empty() {
        return;
    }
    page.blank();
    page.line(painted(BOLD, format!("{} to fix:", count(problems.len(), "thing"))));
    for problem in problems {
        let number = painted(BAD, format!("{:>2}", problem.number));
        page.wrapped(&format!("  {number}  "), &format!("{} ({})", problem.title(), problem.ids()));
    }
}

fn write_table(page: &mut Page, report: &RunReport) {
    for area in report.requirements.chunk_by(|left, right| left.id.area() == right.id.area()) {
        let Some(first) = area.first() else { continue };
        page.blank();
        page.line(format!("{}  {}", painted(BOLD, first.id.area()), first.id.area_title()));
        // Three or more requirements that were skipped for one reason share a line.
        for alike in area.chunk_by(|left, right| left.reason.is_some() && left.reason == right.reason) {
            match alike {
                [_, _, .., _] if alike[0].outcome == Outcome::Skip => write_skipped(page, alike),
                _ => alike.iter().for_each(|record| write_requirement(page, record, report)),
            }
        }
    }
}

/// A row of requirements that were not run for the same reason.
fn write_skipped(page: &mut Page, alike: &[RequirementRecord]) {
    let (Some(first), Some(last)) = (alike.first(), alike.last()) else { return };
    let (style, mark) = mark(Outcome::Skip);
    let reason = first.reason.as_deref().unwrap_or_default();
    page.wrapped(&format!("  {} ", painted(style, mark)), &format!("{} to {}: {reason}", first.id, last.id));
}

fn mark(outcome: Outcome) -> (anstyle::Style, &'static str) {
    match outcome {
        Outcome::Pass => (GOOD, "ok  "),
        Outcome::Fail => (BAD, "FAIL"),
        Outcome::Skip => (DIM, "-   "),
        Outcome::Error => (UNSURE, "ERR "),
        Outcome::Inconclusive => (UNSURE, "?   "),
    }
}

fn write_requirement(page: &mut Page, record: &RequirementRecord, report: &RunReport) {
    let (style, mark) = mark(record.outcome);
    let id = record.id.to_string();
    let first = format!("  {} {id:<6} {:<6}  ", painted(style, mark), record.level.to_string());
    let failing = plain::cases_charged(report, &record.id).len();
    let right = match (&record.reason, failing) {
        (Some(reason), _) => painted(DIM, escape::line(reason)),
        (None, 0) => painted(DIM, count(record.cases.len(), "case")),
        (None, failing) => {
            let known = if plain::is_known_failure(record, report) { ", as is known" } else { "" };
            painted(style, format!("{failing} of {}{known}", count(record.cases.len(), "case")))
        }
    };
    page.row(&first, &record.title, &right);
}

/// The cases that could not be judged, so that nobody takes them for passed.
fn write_unjudged(page: &mut Page, report: &RunReport) {
    let unjudged = plain::unjudged(report);
    if unjudged.is_empty() {
        return;
    }
    page.blank();
    page.wrapped("", &painted(UNSURE, "Could not be judged, and that is not your program's fault:"));
    for (message, cases) in unjudged {
        page.wrapped("  * ", &message);
        let ids: Vec<_> = cases.iter().map(|case| case.id.as_str()).collect();
        page.wrapped("    in ", &ids.join(", "));
    }
}

fn write_summary(page: &mut Page, report: &RunReport, problems: &[Found<'_>]) {
    page.blank();
    for level in [Level::Must, Level::Should, Level::Harden] {
        write_count(page, level, &report.requirements);
    }
    let cases = report.cases.iter().filter(|case| case.outcome != Outcome::Skip).count();
    let place = match report.isolation {
        Isolation::Namespace => "each in a network of its own",
        Isolation::Host => "one by one on this host",
    };
    if let Some(known) = &report.baseline {
        write_known(page, known);
    }
    let (took, seed) = (show(report.duration), report.options.seed);
    page.wrapped("", &painted(DIM, format!("{} in {took}, {place}; seed {seed}", count(cases, "case"))));
    if let Some(first) = problems.first().and_then(|problem| problem.requirements.first()) {
        let advice = format!("Begin with number 1; conformance explain {} says more about it.", first.id);
        page.wrapped("", &advice);
    }
    // This comes last, so that nobody takes what was not judged for passed.
    let unsure = report.requirements.iter().filter(|record| record.outcome == Outcome::Inconclusive).count();
    if unsure > 0 {
        let text = format!("{unsure} could not be judged: the machine was too busy.");
        page.wrapped("", &painted(UNSURE, text));
    }
}

/// The known failures (`--baseline`), and those of them that passed.
fn write_known(page: &mut Page, known: &Comparison) {
    if !known.expected.is_empty() {
        page.line(format!("{} known to fail, and not counted", count(known.expected.len(), "case")));
    }
    if !known.fixed.is_empty() {
        let text = format!("{}; take them out of the known failures", known.fixed.join(", "));
        page.wrapped("Known to fail, and passed: ", &text);
    }
}

fn write_count(page: &mut Page, level: Level, requirements: &[RequirementRecord]) {
    let tally = Tally::of(level, requirements);
    if tally.all == 0 {
        return;
    }
    let style = if tally.failed > 0 { BAD } else { GOOD };
    let mut line = painted(style, format!("{} of {} hold", tally.passed, tally.all));
    for (number, what) in [
        (tally.failed, "failed"),
        (tally.blocked, "not judged because of those"),
        (tally.not_run, "not run"),
        (tally.unjudged, "could not be judged"),
    ] {
        if number > 0 {
            line.push_str(&format!(", {number} {what}"));
        }
    }
    page.wrapped(&format!("{:<6}  ", level.to_string()), &line);
}

#[cfg(test)]
mod tests;
