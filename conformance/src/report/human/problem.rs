//! One problem: what is wrong, the requirement, what was tried, what happened, the line of the program, what to change,
//! and the command that runs the case again. In brief, three of them fit on a screen of 60 lines. In full, it also has the
//! text of the requirement, the whole conversation, what the program printed, the other cases, and the usual mistakes.

use crate::model::outcome::{CaseRecord, RequirementRecord};
use crate::model::requirement::Catalogue;
use crate::report::RunReport;
use crate::report::plain::{self, count};
use crate::words::annotate::compare;
use crate::words::found::Found;
use crate::words::page::{BAD, BOLD, DIM, Page, painted};
use crate::words::{escape, ladder};

/// The columns before the text of a row.
const LABEL: usize = 12;

/// How many lines of what the program printed are shown in brief, and in full.
const PRINTED: usize = 2;
const ALL_PRINTED: usize = 10;

/// How many requirements are named beside the first. The others are counted.
const NAMED: usize = 5;

/// How many files of other conversations are named. The rest is counted.
const NAMED_FILES: usize = 6;

/// How a problem is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'c> {
    /// In brief: the most lines of its conversation. `None`: in full.
    pub(super) brief: Option<usize>,
    pub(super) catalogue: &'c Catalogue,
}

/// Writes a problem.
pub(super) fn write(page: &mut Page, found: &Found<'_>, report: &RunReport, style: Style<'_>) {
    let (case, full) = (found.witness, style.brief.is_none());
    page.blank();
    let how = if found.problem.certain { "seen" } else { "likely" };
    page.wrapped(
        &format!("{} ", painted(BAD, format!("Problem {}, {how}:", found.number))),
        &painted(BOLD, found.title()),
    );
    write_requirements(page, found, style);
    row(page, "Test", &format!("{} ({})", escape::line(&case.summary), painted(DIM, &case.id)));
    write_conversation(page, case, style.brief);
    write_comparison(page, case);
    if full {
        write_details(page, case);
    }
    write_printed(page, found, full);
    if let Some(remedy) = &found.problem.remedy {
        row(page, "Change", &escape::line(remedy));
    }
    write_command(page, case, report);
    if full {
        write_alike(page, "The same", &found.others);
        write_alike(page, "Because", &found.consequences);
        write_mistakes(page, found, style.catalogue);
    } else {
        count_alike(page, found);
    }
}

/// A row: its label, and a paragraph beside it.
fn row(page: &mut Page, label: &str, text: &str) {
    page.wrapped(&head(label), text);
}

/// A row whose columns matter.
fn fixed(page: &mut Page, label: &str, text: &str) {
    page.line(format!("{}{text}", head(label)));
}

fn head(label: &str) -> String {
    format!("   {}", painted(DIM, format!("{label:<width$}", width = LABEL - 3)))
}

fn write_requirements(page: &mut Page, found: &Found<'_>, style: Style<'_>) {
    let Some((first, others)) = found.requirements.split_first() else { return };
    let head = |record: &RequirementRecord| {
        format!("{} ({}) {}", painted(BAD, &record.id), record.level, record.title)
    };
    if style.brief.is_none() {
        row(page, "Breaks", &head(first));
        if let Some(requirement) = style.catalogue.find(&first.id) {
            row(page, "", &requirement.text);
            row(page, "", &painted(DIM, format!("Source: {}", requirement.source)));
        }
        others.iter().for_each(|record| row(page, "also", &head(record)));
        return;
    }
    let mut more: Vec<String> = others.iter().take(NAMED).map(|record| record.id.to_string()).collect();
    if others.len() > NAMED {
        more.push(format!("{} more", others.len() - NAMED));
    }
    let also = if more.is_empty() { String::new() } else { format!("; also {}", more.join(", ")) };
    row(page, "Breaks", &format!("{}{also}", head(first)));
}

/// How many lines of a conversation follow the one that is wrong: the program may end there.
const AFTER: usize = 2;

/// The conversation, or the end of it up to what is wrong. It is not indented like the rows, because its lines are long.
fn write_conversation(page: &mut Page, case: &CaseRecord, brief: Option<usize>) {
    let lines = ladder::lines(case, page.width().saturating_sub(5));
    let shown = match (brief, lines.iter().rposition(|line| line.wrong)) {
        (None, _) => &lines[..],
        (Some(most), wrong) => {
            let end = wrong.map_or(lines.len(), |wrong| (wrong + 1 + AFTER).min(lines.len()));
            &lines[end.saturating_sub(most)..end]
        }
    };
    row(page, "Seen", &painted(DIM, ladder::legend(case)));
    for ladder::Line { time, text, wrong } in shown {
        match wrong {
            true => page.wrapped(&painted(BAD, format!("  >> {time}")), &painted(BAD, escape::line(text))),
            false => page.wrapped(&format!("     {time}"), &escape::line(text)),
        }
    }
}

fn write_comparison(page: &mut Page, case: &CaseRecord) {
    const COLUMN: usize = 10;
    let Some(finding) = &case.finding else {
        return row(page, "", &plain::message(case));
    };
    let comparison = compare(&finding.fault, page.width().saturating_sub(LABEL + COLUMN));
    let indent = " ".repeat(COLUMN);
    if let Some(fields) = &comparison.fields {
        fixed(page, "", &format!("{indent}{}", painted(DIM, fields)));
    }
    for (name, text) in [("expected", &comparison.expected), ("came", &comparison.came)] {
        let text = format!("{name:<COLUMN$}{}", escape::line(text));
        match comparison.fields {
            Some(_) => fixed(page, "", &text),
            None => row(page, "", &text),
        }
    }
    if let Some(caret) = &comparison.caret {
        fixed(page, "", &format!("{indent}{}", painted(BAD, caret)));
    }
    if let Some(meaning) = &comparison.meaning {
        row(page, "", &format!("which is  {}", escape::line(meaning)));
    }
}

/// What else the record of the case has.
fn write_details(page: &mut Page, case: &CaseRecord) {
    if let Some(why) = &case.why {
        row(page, "Hint", &escape::line(why));
    }
    if case.runs.len() > 1 {
        let runs: Vec<_> = case.runs.iter().map(ToString::to_string).collect();
        row(page, "Each run", &runs.join(", "));
    }
    if !case.leftovers.is_empty() {
        let left = escape::line(&case.leftovers.join(", "));
        row(page, "Left", &format!("processes that did not end with your program: {left}"));
    }
}

/// The line of the program that failed, and the last lines that it printed. In brief only one of the two.
fn write_printed(page: &mut Page, found: &Found<'_>, full: bool) {
    let case = found.witness;
    let printed =
        |text: &str| -> Vec<String> { escape::lines(text).filter(|line| !line.trim().is_empty()).collect() };
    let (stdout, stderr) = (printed(&case.stdout), printed(&case.stderr));
    let last = if stderr.is_empty() { &stdout } else { &stderr };
    let places = &found.problem.places;
    if !places.is_empty() {
        let error = last.last().map(|line| format!("  {}", line.trim())).unwrap_or_default();
        row(page, "In", &format!("{}{error}", painted(BOLD, escape::line(&places.join(", ")))));
    }
    let (most, streams) = match full {
        true => (ALL_PRINTED, vec![("Output", &stdout), ("Errors", &stderr)]),
        false if places.is_empty() => (PRINTED, vec![("Printed", last)]),
        false => return,
    };
    for (label, lines) in streams {
        for (index, line) in lines[lines.len().saturating_sub(most)..].iter().enumerate() {
            let room = page.width().saturating_sub(LABEL + 2);
            fixed(page, if index == 0 { label } else { "" }, &format!("| {}", cut(line, room)));
        }
    }
}

/// A line, cut if it is longer than the room.
fn cut(line: &str, room: usize) -> String {
    match line.char_indices().nth(room) {
        Some(_) => line.chars().take(room.saturating_sub(4)).chain(" ...".chars()).collect(),
        None => line.to_owned(),
    }
}

/// The command that runs the case alone, on two lines if it is too long for one.
fn write_command(page: &mut Page, case: &CaseRecord, report: &RunReport) {
    let (first, second) = plain::command_parts(case, report);
    if LABEL + first.len() + 1 + second.len() <= page.width() {
        fixed(page, "Again", &format!("{first} {second}"));
    } else {
        fixed(page, "Again", &format!("{first} \\"));
        fixed(page, "", &format!("  {second}"));
    }
}

fn count_alike(page: &mut Page, found: &Found<'_>) {
    let (alike, effects) = (found.others.len(), found.consequences.len());
    let counted = |number: usize, what: &str, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("{} {one}", count(1, what))),
        number => Some(format!("{} {many}", count(number, what))),
    };
    let parts = [
        counted(alike, "other case", "shows the same", "show the same"),
        counted(effects, "case", "fails because of it", "fail because of it"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        row(page, "", &painted(DIM, format!("{}.", parts.join("; "))));
    }
}

/// Other cases, with the variants of one file together.
fn write_alike(page: &mut Page, label: &str, others: &[&CaseRecord]) {
    let files = plain::by_file(others);
    for (index, (stem, cases)) in files.iter().take(NAMED_FILES).enumerate() {
        let variants: Vec<_> = cases.iter().map(|case| &case.id[stem.len()..]).collect();
        let label = if index == 0 { label } else { "" };
        row(page, label, format!("{stem} {}", variants.join(" ")).trim_end());
    }
    if let Some(more @ 1..) = files.len().checked_sub(NAMED_FILES) {
        row(page, "", &format!("and the cases of {}", count(more, "further file")));
    }
}

fn write_mistakes(page: &mut Page, found: &Found<'_>, catalogue: &Catalogue) {
    let requirement = found.requirements.first().and_then(|record| catalogue.find(&record.id));
    for (index, mistake) in requirement.iter().flat_map(|requirement| &requirement.mistakes).enumerate() {
        let label = match index {
            0 if found.problem.certain => "Usual",
            0 => "Or else",
            _ => "",
        };
        row(page, label, &format!("* {mistake}"));
    }
}
