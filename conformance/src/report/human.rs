//! The run as text for a person. First one line that says how the program stands, then the first problems with their
//! evidence, a line for each further problem, the requirements, and the counts. In full (`--verbose`), every problem has
//! all its evidence, and every requirement has a line.

mod problem;
mod standing;

use self::problem::Style;
use super::RunReport;
use super::plain::{self, count};
use super::tally::Tally;
use crate::model::known::Comparison;
use crate::model::notation::show;
use crate::model::outcome::{Outcome, RequirementRecord};
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, Level, SOURCES};
use crate::words::escape;
use crate::words::explored;
use crate::words::found::{Found, found};
use crate::words::page::{BAD, BOLD, DIM, GOOD, Page, UNSURE, painted};

/// How much the report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What a reader needs first.
    #[default]
    Brief,
    /// Everything.
    Full,
}

/// How many problems are shown with their evidence in a brief report.
const SHOWN: usize = 3;

/// The lines of conversation for all problems of a brief report together.
const CONVERSATION: usize = 18;

/// The most lines of conversation for one problem.
const LONGEST_CONVERSATION: usize = 12;

/// The whole report as text with colours, `width` columns wide.
pub fn render(report: &RunReport, catalogue: &Catalogue, width: usize, detail: Detail) -> String {
    let mut page = Page::new(width);
    let found = found(report);
    page.wrapped("", &painted(BOLD, standing::line(report)));
    match detail {
        Detail::Brief => write_first(&mut page, &found, report, catalogue),
        Detail::Full => write_all(&mut page, &found, report, catalogue),
    }
    write_table(&mut page, report, detail);
    if detail == Detail::Full && !found.is_empty() {
        page.blank();
        page.wrapped("", &painted(DIM, SOURCES));
    }
    write_unjudged(&mut page, report);
    if let Some(explored) = &report.explored {
        explored::write(&mut page, explored, detail == Detail::Full);
    }
    write_summary(&mut page, report, &found);
    page.into_text()
}

/// Only what is wrong, each thing with its evidence, and what could not be judged.
pub fn render_problems(report: &RunReport, catalogue: &Catalogue, width: usize) -> String {
    let mut page = Page::new(width);
    let found = found(report);
    write_all(&mut page, &found, report, catalogue);
    write_unjudged(&mut page, report);
    page.into_text()
}

/// The first problems with their evidence, and a line for each of the others.
fn write_first(page: &mut Page, problems: &[Found<'_>], report: &RunReport, catalogue: &Catalogue) {
    let (first, others) = problems.split_at(problems.len().min(SHOWN));
    let conversation = (CONVERSATION / first.len().max(1)).min(LONGEST_CONVERSATION);
    for problem in first {
        problem::write(page, problem, report, Style { brief: Some(conversation), catalogue });
    }
    if others.is_empty() {
        return;
    }
    page.blank();
    page.line(painted(BOLD, "Further problems (--verbose shows their evidence):"));
    for problem in others {
        let number = painted(BAD, format!("{}.", problem.number));
        let text = format!("{} ({}; {})", problem.title(), problem.ids(), problem.witness.id);
        page.wrapped(&format!("{number} "), &text);
    }
}

/// Every problem with all its evidence.
fn write_all(page: &mut Page, problems: &[Found<'_>], report: &RunReport, catalogue: &Catalogue) {
    let style = Style { brief: None, catalogue };
    problems.iter().for_each(|problem| problem::write(page, problem, report, style));
}

fn write_table(page: &mut Page, report: &RunReport, detail: Detail) {
    page.blank();
    page.line(painted(BOLD, "Requirements:"));
    for area in report.requirements.chunk_by(|left, right| left.id.area() == right.id.area()) {
        let Some(first) = area.first() else { continue };
        let head = format!("{}  {:<42}", painted(BOLD, first.id.area()), first.id.area_title());
        page.wrapped(&head, &standing::of_area(area));
        let shown = |record: &&RequirementRecord| detail == Detail::Full || record.outcome != Outcome::Pass;
        let rows: Vec<_> = area.iter().filter(shown).collect();
        // Three or more requirements that were skipped for one reason share a line.
        for alike in rows.chunk_by(|left, right| left.reason.is_some() && left.reason == right.reason) {
            match alike {
                [_, _, .., _] if alike[0].outcome == Outcome::Skip => write_skipped(page, alike),
                _ => alike.iter().for_each(|record| write_requirement(page, record, report)),
            }
        }
    }
}

/// A row of requirements that were not run for the same reason.
fn write_skipped(page: &mut Page, alike: &[&RequirementRecord]) {
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
            let problem = standing::problem_of(record, report);
            let problem = problem.map(|number| format!(", problem {number}")).unwrap_or_default();
            let explored = if report.fails_by_exploring_alone(record) { ", explored" } else { "" };
            painted(
                style,
                format!("{failing} of {}{problem}{known}{explored}", count(record.cases.len(), "case")),
            )
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
        Isolation::Namespace => "isolated from this machine",
        Isolation::Host => "one by one on this host",
    };
    if let Some(known) = &report.baseline {
        write_known(page, known);
    }
    let (took, seed) = (show(report.duration), report.options.seed);
    page.wrapped("", &painted(DIM, format!("{} in {took}, {place}; seed {seed}", count(cases, "case"))));
    if let Some(first) = problems.first().and_then(|problem| problem.requirements.first()) {
        let advice = format!(
            "Begin with problem 1. conformance explain {} says more about its requirement.",
            first.id
        );
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
