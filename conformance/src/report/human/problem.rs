//! One thing to fix in full: the requirement, the likely cause, what was due and what came, the conversation, what the
//! program printed, the usual mistakes, and the command that runs the case again.

use crate::model::outcome::{CaseRecord, RequirementRecord};
use crate::model::requirement::Catalogue;
use crate::report::RunReport;
use crate::report::found::Found;
use crate::report::plain::{self, count};
use crate::words::annotate::{Comparison, compare};
use crate::words::page::{BAD, BOLD, DIM, Page, painted};
use crate::words::{escape, ladder};

/// How many lines of the target's output are shown.
const OUTPUT_LINES: usize = 10;

/// How many other files of conversations are named. The rest is counted.
const NAMED_FILES: usize = 6;

/// Writes one of the things to fix.
pub(super) fn write(page: &mut Page, found: &Found<'_>, report: &RunReport, catalogue: &Catalogue) {
    page.blank();
    let head = format!("---- {} of {} ", found.number, found.of);
    page.line(painted(BAD, format!("{head}{}", "-".repeat(page.width().saturating_sub(head.len())))));
    write_requirements(page, found, catalogue);
    if let Some(remedy) = &found.problem.remedy {
        page.blank();
        page.wrapped("  Likely cause: ", &painted(BOLD, found.title()));
        page.wrapped("    ", &escape::line(remedy));
    }
    write_case(page, found.witness);
    write_alike(page, "The same is seen in", &found.others);
    write_alike(page, "Because of it, something fails in", &found.consequences);
    write_mistakes(page, found, catalogue);
    page.blank();
    page.line("  Only this case again:");
    write_command(page, found.witness, report);
}

/// The first requirement in full, and the titles of the others.
fn write_requirements(page: &mut Page, found: &Found<'_>, catalogue: &Catalogue) {
    let Some((first, others)) = found.requirements.split_first() else { return };
    page.wrapped(&format!("{} ", headline(first)), &painted(BOLD, &first.title));
    if let Some(requirement) = catalogue.find(&first.id) {
        page.wrapped("  ", &requirement.text);
        page.wrapped("  ", &painted(DIM, format!("Source: {}", requirement.source)));
    }
    if !others.is_empty() {
        page.line("  For the same reason these fail:");
    }
    for record in others {
        page.wrapped(&format!("    {} ", headline(record)), &record.title);
    }
}

fn headline(record: &RequirementRecord) -> String {
    format!("{} ({})", painted(BAD, &record.id), record.level)
}

fn write_case(page: &mut Page, case: &CaseRecord) {
    page.blank();
    page.line(format!("  Seen in {}", painted(BOLD, &case.id)));
    page.wrapped("    ", &case.summary);
    match &case.finding {
        Some(finding) => write_comparison(page, &compare(&finding.fault, page.width().saturating_sub(14))),
        None => page.wrapped("    ", &plain::message(case)),
    }
    if case.runs.len() > 1 {
        let runs: Vec<_> = case.runs.iter().map(ToString::to_string).collect();
        page.wrapped("    run after run  ", &runs.join(", "));
    }
    if let Some(why) = &case.why {
        page.wrapped("    hint      ", why);
    }
    write_ladder(page, case);
    write_output(page, "standard output", &case.stdout);
    write_output(page, "standard error", &case.stderr);
    if !case.leftovers.is_empty() {
        page.blank();
        page.wrapped("    Processes that it left behind: ", &escape::line(&case.leftovers.join(", ")));
    }
}

fn write_comparison(page: &mut Page, comparison: &Comparison) {
    if let Some(fields) = &comparison.fields {
        page.line(format!("              {}", painted(DIM, fields)));
    }
    // A row of bytes stays on one line, because its columns matter.
    let row = |page: &mut Page, label: &str, text: &str, style: Option<anstyle::Style>| {
        let shown = escape::line(text);
        let shown = style.map_or(shown.clone(), |style| painted(style, &shown));
        match comparison.fields {
            Some(_) => page.line(format!("    {label:<10}{shown}")),
            None => page.wrapped(&format!("    {label:<10}"), &shown),
        }
    };
    row(page, "expected", &comparison.expected, None);
    row(page, "came", &comparison.came, Some(BAD));
    if let Some(caret) = &comparison.caret {
        page.line(format!("              {}", painted(BAD, caret)));
    }
    if let Some(meaning) = &comparison.meaning {
        page.wrapped("    which is  ", &escape::line(meaning));
    }
}

fn write_ladder(page: &mut Page, case: &CaseRecord) {
    let lines = ladder::lines(case, page.width().saturating_sub(5));
    if lines.is_empty() {
        return;
    }
    page.blank();
    page.wrapped(
        "    ",
        &format!("The conversation {}", painted(DIM, format!("({}):", ladder::legend(case)))),
    );
    for ladder::Line { time, text, wrong } in lines {
        match wrong {
            true => page.wrapped(&painted(BAD, format!("  >> {time}")), &painted(BAD, escape::line(&text))),
            false => page.wrapped(&format!("     {time}"), &escape::line(&text)),
        }
    }
}

fn write_output(page: &mut Page, name: &str, text: &str) {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return;
    }
    let hidden = lines.len().saturating_sub(OUTPUT_LINES);
    let note = match hidden {
        0 => String::new(),
        _ => format!(" (the last {OUTPUT_LINES} of {} lines)", lines.len()),
    };
    page.blank();
    page.line(format!("    Its {name}{note}:"));
    for line in &lines[hidden..] {
        page.line(format!("      | {}", cut(&escape::line(line), page.width().saturating_sub(8))));
    }
}

/// A line, cut if it is longer than the room.
fn cut(line: &str, room: usize) -> String {
    match line.char_indices().nth(room) {
        Some(_) => line.chars().take(room.saturating_sub(4)).chain(" ...".chars()).collect(),
        None => line.to_owned(),
    }
}

/// Other cases, with the variants of one file together.
fn write_alike(page: &mut Page, what: &str, others: &[&CaseRecord]) {
    if others.is_empty() {
        return;
    }
    let files = plain::by_file(others);
    page.blank();
    page.line(format!("    {what} {}:", count(others.len(), "other case")));
    for (stem, cases) in files.iter().take(NAMED_FILES) {
        let variants: Vec<_> = cases.iter().map(|case| &case.id[stem.len()..]).collect();
        page.wrapped("      ", format!("{stem} {}", variants.join(" ")).trim_end());
    }
    if let Some(more @ 1..) = files.len().checked_sub(NAMED_FILES) {
        page.line(format!("      and in the cases of {}", count(more, "further file")));
    }
}

fn write_mistakes(page: &mut Page, found: &Found<'_>, catalogue: &Catalogue) {
    let requirement = found.requirements.first().and_then(|record| catalogue.find(&record.id));
    let Some(requirement) = requirement.filter(|requirement| !requirement.mistakes.is_empty()) else {
        return;
    };
    page.blank();
    page.line(match found.problem.remedy {
        Some(_) => "  If that is not it, these are usual:",
        None => "  Usual mistakes behind this:",
    });
    for mistake in &requirement.mistakes {
        page.wrapped("    * ", mistake);
    }
}

/// The command that runs this case alone, on two lines where it is too long for one.
fn write_command(page: &mut Page, case: &CaseRecord, report: &RunReport) {
    let (first, second) = plain::command_parts(case, report);
    if 4 + first.len() + 1 + second.len() <= page.width() {
        page.line(format!("    {first} {second}"));
    } else {
        page.line(format!("    {first} \\"));
        page.line(format!("      {second}"));
    }
}
