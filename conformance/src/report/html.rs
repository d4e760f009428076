//! The run as one page for a browser: no network, no other file, and no script to read it. First comes what is wrong,
//! then every requirement with its cases, with a drawing of each conversation.
//!
//! Its Content-Security-Policy allows only its own script and style. So text of the target could not run even if it were
//! not escaped.

mod bytes;
mod case;
mod ladder;
mod mark;
mod problem;
mod requirement;

use std::io;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use self::case::CaseView;
use self::mark::Mark;
use self::problem::ProblemView;
use self::requirement::{AreaView, Evidence};
use super::RunReport;
use super::plain::{self, count};
use super::tally::Tally;
use crate::model::notation::show;
use crate::model::outcome::Outcome;
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, Level, SOURCES};
use crate::words::explored;
use crate::words::found::{Found, found};
use crate::words::page::seconds;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The whole page, UTF-8.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let found = found(report);
    let mut page = Page::of(report, catalogue, &found).render().map_err(io::Error::other)?;
    page.push('\n');
    Ok(page.into_bytes())
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'r> {
    style: &'static str,
    style_digest: String,
    script: &'static str,
    script_digest: String,
    target: String,
    /// Whether the target is a program with a name.
    named: bool,
    verdict: Verdict,
    counts: Vec<(Level, Tally)>,
    problems: Vec<ProblemView<'r>>,
    unjudged: Vec<(String, Vec<&'r str>)>,
    known: Vec<&'r str>,
    fixed: Vec<&'r str>,
    areas: Vec<AreaView<'r>>,
    /// The outcomes of this run with their numbers, for the filter.
    outcomes: Vec<(Outcome, Mark, usize)>,
    requirements: usize,
    when: String,
    facts: Vec<(&'static str, String)>,
    sources: &'static str,
}

/// The run in one line.
struct Verdict {
    mark: Mark,
    text: String,
}

impl<'r> Page<'r> {
    fn of(report: &'r RunReport, catalogue: &'r Catalogue, found: &[Found<'r>]) -> Self {
        let records = &report.requirements;
        let levels = [Level::Must, Level::Should, Level::Harden];
        let number = |outcome| records.iter().filter(|record| record.outcome == outcome).count();
        let outcomes = [Outcome::Fail, Outcome::Inconclusive, Outcome::Error, Outcome::Skip, Outcome::Pass];
        let unjudged = plain::unjudged(report).into_iter();
        let baseline = report.baseline.as_ref();
        Self {
            style: STYLE,
            style_digest: digest(STYLE),
            script: SCRIPT,
            script_digest: digest(SCRIPT),
            target: plain::target(report),
            named: report.target.path.is_some(),
            verdict: Verdict::of(report),
            counts: (levels.into_iter())
                .map(|level| (level, Tally::of(level, records)))
                .filter(|(_, tally)| tally.all > 0)
                .collect(),
            problems: ProblemView::all(found, report, catalogue),
            unjudged: unjudged
                .map(|(reason, cases)| (reason, cases.iter().map(|case| case.id.as_str()).collect()))
                .collect(),
            known: baseline.iter().flat_map(|known| &known.expected).map(String::as_str).collect(),
            fixed: baseline.iter().flat_map(|known| &known.fixed).map(String::as_str).collect(),
            areas: AreaView::all(found, report, catalogue),
            outcomes: (outcomes.into_iter())
                .map(|outcome| (outcome, Mark::of_any(outcome), number(outcome)))
                .filter(|(.., number)| *number > 0)
                .collect(),
            requirements: records.len(),
            when: when(report),
            facts: facts(report),
            sources: SOURCES,
        }
    }

    /// The words of the target. A line must not break inside an option.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.target.split(' ')
    }

    /// How many things the page shows to fix.
    fn to_fix(&self) -> String {
        count(self.problems.len(), "problem")
    }
}

impl Verdict {
    fn of(report: &RunReport) -> Self {
        let number = |test: fn(Outcome) -> bool| {
            report.requirements.iter().filter(|record| test(record.outcome)).count()
        };
        let failed = number(|outcome| outcome == Outcome::Fail);
        let unjudged = number(|outcome| matches!(outcome, Outcome::Error | Outcome::Inconclusive));
        let all = count(report.requirements.len(), "requirement");
        if failed > 0 {
            let verb = if failed == 1 { "does" } else { "do" };
            return Self {
                mark: Mark::of(Outcome::Fail),
                text: format!("{failed} of {all} {verb} not hold."),
            };
        }
        if unjudged > 0 {
            let text = format!("Nothing fails, but {unjudged} of {all} could not be judged.");
            return Self { mark: Mark::of(Outcome::Inconclusive), text };
        }
        Self { mark: Mark::of(Outcome::Pass), text: "Everything that was tried holds.".to_owned() }
    }
}

/// When the run started, to the minute, and what it played.
fn when(report: &RunReport) -> String {
    let started: Result<jiff::Timestamp, _> = report.started.parse();
    let started =
        started.map_or_else(|_| report.started.clone(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    format!("{started}, {} in {}", count(played(report), "case"), show(report.duration))
}

fn played(report: &RunReport) -> usize {
    report.cases.iter().filter(|case| case.outcome != Outcome::Skip).count()
}

/// What a reader must know to repeat the run.
fn facts(report: &RunReport) -> Vec<(&'static str, String)> {
    let options = &report.options;
    let place = match report.isolation {
        Isolation::Namespace => "isolated from this machine",
        Isolation::Host => "one by one on the host's own port 5678",
    };
    let times = &options.tolerances;
    let mut facts = vec![("Target", plain::target(report))];
    if let Some(digest) = &report.target.sha256 {
        facts.push(("SHA-256", digest.clone()));
    }
    facts.extend([
        ("Started", report.started.clone()),
        ("Cases", format!("{} in {}, {place}", count(played(report), "case"), show(report.duration))),
        (
            "Graded",
            format!(
                "up to part {}{}; {} counts",
                options.part,
                if options.quick { ", without long waits (--quick)" } else { "" },
                match options.fail_on {
                    Level::Must => "MUST",
                    Level::Should => "MUST and SHOULD",
                    Level::Harden => "every level",
                }
            ),
        ),
        (
            "Times",
            format!(
                "\u{201c}promptly\u{201d} is within {}; the silence timeout is {}, at most {} early or {} late; {} to start",
                seconds(times.patience),
                seconds(times.control_timeout),
                seconds(times.early),
                seconds(times.late),
                seconds(times.startup)
            ),
        ),
        ("Seed", options.seed.to_string()),
    ]);
    facts.extend(report.explored.iter().map(|explored| ("Explored", explored::summary(explored))));
    facts.extend([("Made by", format!("{} {}", report.tool.name, report.tool.version))]);
    facts
}

/// The pieces of a text of the catalogue, each with whether it is code (in backticks).
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(number, piece)| (number % 2 == 1, piece))
}

/// The name of an inline script or style in a Content-Security-Policy.
fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests;
