//! The run as text, for a person: every requirement on a line, then each failure with what was
//! expected, what came, the conversation with its times, and the usual mistakes behind it; the summary
//! last.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{RunReport, escape, ladder, plain};
use crate::outcome::{CaseRecord, Count, Outcome, RequirementRecord};
use crate::spec::{Catalogue, Level, Requirement};
use crate::verdict::fault::show;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default();

/// How many further cases of the same failure are named before the rest is only counted.
const NAMED_CASES: usize = 8;

/// How much of the target's output stands with a failure.
const OUTPUT_LINES: usize = 8;

/// The areas of the catalogue, as a reader knows them.
const AREAS: [(&str, &str); 9] = [
    ("CLI", "command line"),
    ("SRV", "server, the valid session"),
    ("SER", "one client at a time"),
    ("INV", "invalid messages to the server"),
    ("ABR", "connections that end badly"),
    ("TMO", "the silence timeout"),
    ("SIG", "interrupt"),
    ("CLT", "client"),
    ("DAT", "measurement"),
];

/// The whole report as text with colours; strip them for what is no terminal.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, report, catalogue);
    text
}

fn write_report(out: &mut String, report: &RunReport, catalogue: &Catalogue) -> fmt::Result {
    writeln!(out, "{BOLD}Conformance of {}{BOLD:#}", plain::target(report))?;
    let mut area = "";
    for record in &report.requirements {
        if record.id.area() != area {
            area = record.id.area();
            let title = AREAS.iter().find(|(name, _)| *name == area).map_or("", |(_, title)| title);
            writeln!(out, "\n{BOLD}{area}{BOLD:#}  {title}")?;
        }
        write_requirement(out, record, report)?;
    }
    let failed = report.requirements.iter().filter(|record| record.outcome == Outcome::Fail);
    for record in failed {
        write_failure(out, record, report, catalogue)?;
    }
    write_unjudged(out, report)?;
    write_summary(out, report)
}

fn mark(outcome: Outcome) -> (Style, &'static str) {
    match outcome {
        Outcome::Pass => (GOOD, "ok  "),
        Outcome::Fail => (BAD, "FAIL"),
        Outcome::Skip => (DIM, "-   "),
        Outcome::Error => (UNSURE, "ERR "),
        Outcome::Inconclusive => (UNSURE, "?   "),
    }
}

fn write_requirement(out: &mut String, record: &RequirementRecord, report: &RunReport) -> fmt::Result {
    let (style, mark) = mark(record.outcome);
    let level = record.level.to_string();
    write!(out, "  {style}{mark}{style:#}  {:<7} {level:<6}  {}", record.id.to_string(), record.title)?;
    let failing = plain::cases_charged(report, &record.id).len();
    match (&record.reason, failing) {
        (Some(reason), _) => writeln!(out, "  {DIM}({}){DIM:#}", escape::line(reason)),
        (None, 0) => writeln!(out, "  {DIM}{}{DIM:#}", count(record.cases.len(), "case")),
        (None, failing) => {
            writeln!(out, "  {style}{failing} of {}{style:#}", count(record.cases.len(), "case"))
        }
    }
}

fn write_failure(
    out: &mut String,
    record: &RequirementRecord,
    report: &RunReport,
    catalogue: &Catalogue,
) -> fmt::Result {
    let (style, _) = mark(Outcome::Fail);
    writeln!(out, "\n{style}{}{style:#} {BOLD}{}{BOLD:#} ({})", record.id, record.title, record.level)?;
    let requirement = catalogue.find(&record.id);
    if let Some(Requirement { text, source, .. }) = requirement {
        write_wrapped(out, "  ", text)?;
        writeln!(out, "  {DIM}[{source}]{DIM:#}")?;
    }
    // Cases with the same fault are told once.
    let cases = plain::cases_charged(report, &record.id);
    let messages: BTreeSet<_> = cases.iter().map(|case| message_without_digits(case)).collect();
    for message in messages {
        let alike: Vec<_> = cases.iter().filter(|case| message_without_digits(case) == message).collect();
        if let Some((first, rest)) = alike.split_first() {
            write_case(out, first, report)?;
            write_alike(out, rest)?;
        }
    }
    if let Some(mistakes) = requirement.map(|entry| &entry.mistakes).filter(|list| !list.is_empty()) {
        writeln!(out, "\n  Usual mistakes behind this:")?;
        for mistake in mistakes {
            write_wrapped(out, "  * ", mistake)?;
        }
    }
    Ok(())
}

/// Ports and times differ from case to case where the fault is the same.
fn message_without_digits(case: &CaseRecord) -> String {
    let message = case.message.as_deref().unwrap_or_default();
    message.chars().filter(|letter| !letter.is_ascii_hexdigit()).collect()
}

fn write_case(out: &mut String, case: &CaseRecord, report: &RunReport) -> fmt::Result {
    writeln!(out, "\n  {BOLD}{}{BOLD:#}: {}", case.id, case.summary)?;
    if let (Some(expected), Some(actual)) = (&case.expected, &case.actual) {
        writeln!(out, "    expected  {}", escape::line(expected))?;
        writeln!(out, "    got       {BAD}{}{BAD:#}", escape::line(actual))?;
    }
    if case.message.is_some() {
        write_wrapped(out, "    ", &plain::message(case))?;
    }
    if let Some(why) = &case.why {
        write_wrapped(out, "    ", why)?;
    }
    let ladder = ladder::lines(&case.transcript);
    if !ladder.is_empty() {
        writeln!(out, "    {DIM}the conversation:{DIM:#}")?;
        for line in ladder {
            writeln!(out, "    {}", escape::line(&line))?;
        }
    }
    write_output(out, "its standard output", &case.stdout)?;
    write_output(out, "its standard error", &case.stderr)?;
    writeln!(out, "    {DIM}once more:{DIM:#} {}", plain::command_for(case, report))
}

fn write_output(out: &mut String, name: &str, text: &str) -> fmt::Result {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let hidden = lines.len().saturating_sub(OUTPUT_LINES);
    let note = if hidden > 0 {
        format!(", the last {OUTPUT_LINES} of {} lines", lines.len())
    } else {
        String::new()
    };
    writeln!(out, "    {DIM}{name}{note}:{DIM:#}")?;
    lines[hidden..].iter().try_for_each(|line| writeln!(out, "      {}", escape::line(line)))
}

fn write_alike(out: &mut String, rest: &[&&CaseRecord]) -> fmt::Result {
    if rest.is_empty() {
        return Ok(());
    }
    writeln!(out, "    {DIM}the same in {}:{DIM:#}", count(rest.len(), "further case"))?;
    for case in rest.iter().take(NAMED_CASES) {
        writeln!(out, "      {}", case.id)?;
    }
    match rest.len().checked_sub(NAMED_CASES) {
        Some(hidden @ 1..) => writeln!(out, "      and {hidden} more"),
        _ => Ok(()),
    }
}

/// What was not judged must not read as if it were all right.
fn write_unjudged(out: &mut String, report: &RunReport) -> fmt::Result {
    let broken: Vec<_> = (report.cases.iter())
        .filter(|case| matches!(case.outcome, Outcome::Error | Outcome::Inconclusive))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{UNSURE}Not judged, and not the target's fault:{UNSURE:#}")?;
    for case in broken {
        writeln!(out, "  {} ({}): {}", case.id, case.outcome, plain::message(case))?;
    }
    Ok(())
}

fn write_summary(out: &mut String, report: &RunReport) -> fmt::Result {
    writeln!(out)?;
    for level in [Level::Must, Level::Should, Level::Harden] {
        let Count { passed, failed, error, skipped } = report.summary.count(level);
        let total = passed + failed + error + skipped;
        if total == 0 {
            continue;
        }
        let style = if failed > 0 { BAD } else { GOOD };
        write!(out, "{:<6}  {style}{passed} of {total} hold{style:#}", level.to_string())?;
        for (number, what) in
            [(failed, "failed"), (error, "could not be judged"), (skipped, "not run or not judged")]
        {
            if number > 0 {
                write!(out, ", {number} {what}")?;
            }
        }
        writeln!(out)?;
    }
    let cases = report.cases.iter().filter(|case| case.outcome != Outcome::Skip).count();
    let place = match report.isolation {
        crate::isolate::Isolation::Namespace => "each in a network of its own",
        crate::isolate::Isolation::Host => "one by one on this host",
    };
    writeln!(out, "{DIM}{} in {}, {place}{DIM:#}", count(cases, "case"), show(report.duration))
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn write_wrapped(out: &mut String, first: &str, text: &str) -> fmt::Result {
    let indent = " ".repeat(first.len());
    let options = textwrap::Options::new(100).initial_indent(first).subsequent_indent(&indent);
    writeln!(out, "{}", textwrap::fill(text, options))
}
