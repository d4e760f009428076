//! The run for GitHub Actions: an annotation for each problem, for each requirement that could not be judged, and for
//! known failures that pass; and a job summary in Markdown, which is added to the file that `GITHUB_STEP_SUMMARY` names.

use crate::words::escape;
use std::fmt::{self, Write};
use std::io;

use super::RunReport;
use super::plain;
use crate::model::outcome::{Count, Outcome, RequirementRecord};
use crate::model::requirement::{Catalogue, Level};
use crate::words::explored;
use crate::words::found::{Found, found};

/// The environment variable that names the file of the job summary.
pub const SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// GitHub refuses a summary of more than 1 MiB. The problems that do not fit into this are only counted.
const SUMMARY_BYTES: usize = 900 << 10;

/// The annotations, one workflow command a line.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let mut out = String::new();
    for problem in found(report) {
        let counts = |record: &&RequirementRecord| {
            record.level >= report.options.fail_on && !plain::is_known_failure(record, report)
        };
        let command = if problem.requirements.iter().any(counts) { "error" } else { "notice" };
        let text = plain::problem_lines(&problem, report, catalogue).join("\n");
        writeln!(out, "::{command} title={}::{}", property(&title(&problem)), data(&text))
            .map_err(io::Error::other)?;
    }
    for record in &report.requirements {
        let (command, text) = match record.outcome {
            Outcome::Error | Outcome::Inconclusive => {
                ("warning", format!("could not be judged: {}", reason(record)))
            }
            Outcome::Skip if record.is_blocked() => ("warning", reason(record)),
            Outcome::Pass | Outcome::Skip | Outcome::Fail => continue,
        };
        let title = format!("{} ({}) {}", record.id, record.level, record.title);
        writeln!(out, "::{command} title={}::{}", property(&title), data(&text)).map_err(io::Error::other)?;
    }
    let fixed = report.baseline.as_ref().map(|comparison| comparison.fixed.as_slice()).unwrap_or_default();
    if !fixed.is_empty() {
        let text = format!("take them out of the known failures:\n{}", fixed.join("\n"));
        writeln!(out, "::error title=Known to fail and passes::{}", data(&text)).map_err(io::Error::other)?;
    }
    Ok(out.into_bytes())
}

/// The job summary in Markdown.
pub fn summary(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let mut out = String::new();
    write_summary(&mut out, report, catalogue).map_err(io::Error::other)?;
    Ok(out.into_bytes())
}

fn reason(record: &RequirementRecord) -> String {
    escape::line(record.reason.as_deref().unwrap_or("no reason was given"))
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn write_summary(out: &mut String, report: &RunReport, catalogue: &Catalogue) -> fmt::Result {
    writeln!(out, "## Conformance of {}\n", inline(&plain::target(report)))?;
    let mut hidden = 0;
    for problem in found(report) {
        let failure = failure(&problem, report, catalogue);
        match out.len() + failure.len() {
            length if length <= SUMMARY_BYTES => out.push_str(&failure),
            _ => hidden += 1,
        }
    }
    if hidden > 0 {
        writeln!(out, "\nAnd {hidden} more to fix: see the other reports.")?;
    }
    writeln!(out, "\n| level | hold | fail | could not be judged | not run or not judged |")?;
    writeln!(out, "|---|--:|--:|--:|--:|")?;
    for level in [Level::Must, Level::Should, Level::Harden] {
        let Count { passed, failed, error, skipped } = report.summary.count(level);
        writeln!(out, "| {level} | {passed} | {failed} | {error} | {skipped} |")?;
    }
    if let Some(explored) = &report.explored {
        writeln!(out, "\nExplored: {}", escape::html(&explored::summary(explored)))?;
    }
    let unjudged = |record: &&RequirementRecord| !matches!(record.outcome, Outcome::Pass | Outcome::Fail);
    let rest: Vec<_> = report.requirements.iter().filter(unjudged).collect();
    if !rest.is_empty() {
        writeln!(out, "\n<details><summary>Not judged: {}</summary>\n<ul>", rest.len())?;
        for record in rest {
            writeln!(out, "<li>{} {}: {}</li>", record.id, record.outcome, escape::html(&reason(record)))?;
        }
        writeln!(out, "</ul></details>")?;
    }
    Ok(())
}

fn title(problem: &Found<'_>) -> String {
    format!("{} ({})", problem.title(), problem.ids())
}

/// One thing to fix, which a reader can open. Markdown means nothing in a `<pre>`, and the text cannot end it.
fn failure(problem: &Found<'_>, report: &RunReport, catalogue: &Catalogue) -> String {
    let title = title(problem);
    let lines = plain::problem_lines(problem, report, catalogue).join("\n");
    format!(
        "<details><summary>&#10060; {}</summary>\n<pre>\n{}\n</pre></details>\n",
        escape::html(&title),
        escape::html(&lines)
    )
}

/// Text in a line of Markdown: as code in HTML, with every sign of Markdown escaped.
fn inline(text: &str) -> String {
    let mut code = "<code>".to_owned();
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii_punctuation() => {
                // Writing to a string cannot fail.
                let _ = write!(code, "&#{};", u32::from(letter));
            }
            letter => code.push(letter),
        }
    }
    code.push_str("</code>");
    code
}
