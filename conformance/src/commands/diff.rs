//! `conformance diff`: two runs compared, requirement by requirement, with the cases that changed.

use crate::words::escape;
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::commands::cli::OutputFormat;
use crate::grading::stored;
use crate::model::exit::Exit;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::problem::Problem;
use crate::model::refusal::Refusal;
use crate::model::requirement::{Level, RequirementId};
use crate::report::output::Destination;
use crate::report::{Document, RunReport, plain};

/// Compares the reports of two files.
pub fn compare(old: &Path, new: &Path, format: OutputFormat) -> Exit {
    try_compare(old, new, format).unwrap_or_else(Refusal::report)
}

fn try_compare(old: &Path, new: &Path, format: OutputFormat) -> Result<Exit, Refusal> {
    let old = stored::read(old).map_err(Refusal::usage)?;
    let new = stored::read(new).map_err(Refusal::usage)?;
    let diff = Diff::of(&old, &new);
    let document = match format {
        OutputFormat::Text => Document::Text(diff.to_text()),
        OutputFormat::Json => {
            let json = escape::json(&diff, true).map_err(Refusal::not_carried_out)?;
            Document::Bytes(format!("{json}\n").into_bytes())
        }
    };
    Destination::Stdout.write(&document).map_err(Refusal::not_carried_out)?;
    let broke = diff.broke.iter().any(|change| change.level >= new.options.fail_on);
    Ok(if broke { Exit::DoesNotHold } else { Exit::Holds })
}

/// What changed from one run to another; every list is in the order of the catalogue.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// The targets of the old and the new run.
    pub targets: [String; 2],
    /// What makes the two runs hard to compare.
    pub notes: Vec<String>,
    /// Held and fail now.
    pub broke: Vec<Change>,
    /// Failed and hold now.
    pub fixed: Vec<Change>,
    /// Fail, as before.
    pub still_fails: Vec<Change>,
    /// Not in the old run.
    pub new: Vec<Change>,
    /// Not in the new run.
    pub gone: Vec<Change>,
    /// Any other change of the outcome: most often only one run judged it.
    pub otherwise: Vec<Change>,
    /// What there is to fix now, in the order of the new report.
    pub problems: Vec<ProblemChange>,
}

/// One thing to fix.
#[derive(Debug, Serialize)]
pub struct ProblemChange {
    /// As the report names it.
    #[serde(flatten)]
    pub problem: Problem,
    /// Whether the old report does not have it.
    pub new: bool,
}

/// One requirement.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The id.
    pub id: RequirementId,
    /// How binding it is.
    pub level: Level,
    /// Its short sentence.
    pub title: String,
    /// How it came out before.
    pub old: Option<Outcome>,
    /// How it comes out now.
    pub new: Option<Outcome>,
    /// Why it was not judged now.
    pub reason: Option<String>,
    /// Its cases that changed.
    pub cases: Vec<CaseChange>,
}

/// One case with another outcome than before.
#[derive(Debug, Serialize)]
pub struct CaseChange {
    /// The id.
    pub id: String,
    /// How it came out before.
    pub old: Option<Outcome>,
    /// How it comes out now.
    pub new: Option<Outcome>,
    /// What is wrong now.
    pub message: Option<String>,
}

impl ProblemChange {
    fn of(problem: &Problem, old: &RunReport) -> Self {
        let same = |other: &Problem| match &problem.key {
            None => other.key.is_none() && other.requirements == problem.requirements,
            key => other.key == *key,
        };
        Self { problem: problem.clone(), new: !old.problems.iter().any(same) }
    }
}

impl Diff {
    /// Compares two runs.
    pub fn of(old: &RunReport, new: &RunReport) -> Self {
        let mut diff = Self {
            targets: [plain::target(old), plain::target(new)],
            notes: notes(old, new),
            broke: Vec::new(),
            fixed: Vec::new(),
            still_fails: Vec::new(),
            new: Vec::new(),
            gone: Vec::new(),
            otherwise: Vec::new(),
            problems: new.problems.iter().map(|problem| ProblemChange::of(problem, old)).collect(),
        };
        for record in &new.requirements {
            let before = old.requirements.iter().find(|other| other.id == record.id);
            let Some(before) = before else {
                diff.new.push(change(record, [None, Some(record)], [old, new]));
                continue;
            };
            let list = match (before.outcome, record.outcome) {
                (Outcome::Pass, Outcome::Fail) => &mut diff.broke,
                (Outcome::Fail, Outcome::Pass) => &mut diff.fixed,
                (Outcome::Fail, Outcome::Fail) => &mut diff.still_fails,
                (before, now) if before == now => continue,
                _ => &mut diff.otherwise,
            };
            list.push(change(record, [Some(before), Some(record)], [old, new]));
        }
        let gone = (old.requirements.iter())
            .filter(|record| !new.requirements.iter().any(|other| other.id == record.id));
        diff.gone = gone.map(|record| change(record, [Some(record), None], [old, new])).collect();
        diff
    }

    /// As text with colours.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "{} -> {}", self.targets[0], self.targets[1])?;
        for note in &self.notes {
            writeln!(out, "{DIM}note: {note}{DIM:#}")?;
        }
        let lists = self.lists();
        for (title, _, style, changes) in &lists {
            if changes.is_empty() {
                continue;
            }
            writeln!(out, "\n{style}{title}{style:#}")?;
            changes.iter().try_for_each(|change| write_change(out, change))?;
        }
        let counts = lists.iter().filter(|(.., changes)| !changes.is_empty());
        let counts: Vec<_> =
            counts.map(|(_, short, _, changes)| format!("{} {short}", changes.len())).collect();
        if !self.problems.is_empty() {
            writeln!(out, "\n{BOLD}To fix{BOLD:#}")?;
        }
        for ProblemChange { problem, new } in &self.problems {
            let (title, ids) = (escape::line(&problem.title), plain::ids(&problem.requirements));
            let new = if *new { "new: " } else { "" };
            writeln!(out, "  {new}{title} ({ids})\n    Seen best in {}.", problem.witness)?;
        }
        let summary = if counts.is_empty() { "no verdict changed".to_owned() } else { counts.join(", ") };
        writeln!(out, "\n{summary}")
    }

    fn lists(&self) -> [(&'static str, &'static str, Style, &[Change]); 6] {
        [
            ("Fixed", "fixed", GOOD, &self.fixed),
            ("New", "new", BOLD, &self.new),
            ("Not in the new run", "not in the new run", BOLD, &self.gone),
            ("Judged in one of the runs only", "judged in one run only", BOLD, &self.otherwise),
            ("Still does not hold", "still do not hold", BOLD, &self.still_fails),
            ("Broke", "broke", BAD, &self.broke),
        ]
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// How many cases of one requirement are named. The others are counted.
const NAMED_CASES: usize = 8;

fn notes(old: &RunReport, new: &RunReport) -> Vec<String> {
    let versions = [old, new].map(|run| run.tool.version.as_str());
    let parts = [old, new].map(|run| run.options.part);
    let pairs = [
        (versions[0] != versions[1], format!("graded by version {} and {}", versions[0], versions[1])),
        (parts[0] != parts[1], format!("graded up to {} and {}", parts[0], parts[1])),
        (old.options.quick != new.options.quick, "one of the two runs was --quick".to_owned()),
        (old.options.tolerances != new.options.tolerances, "the times differ".to_owned()),
        (old.isolation != new.isolation, format!("isolation {} and {}", old.isolation, new.isolation)),
        (
            old.target.sha256.is_some()
                && old.target.sha256 == new.target.sha256
                && old.target.args == new.target.args,
            "the target's file is the same in both runs".to_owned(),
        ),
    ];
    pairs.into_iter().filter(|(differs, _)| *differs).map(|(_, note)| note).collect()
}

/// The change of `record`, which is the newer one if there are two.
fn change(
    record: &RequirementRecord,
    outcomes: [Option<&RequirementRecord>; 2],
    runs: [&RunReport; 2],
) -> Change {
    let [old, new] = outcomes;
    let ids: BTreeSet<&String> = outcomes.into_iter().flatten().flat_map(|record| &record.cases).collect();
    Change {
        id: record.id.clone(),
        level: record.level,
        title: record.title.clone(),
        old: old.map(|record| record.outcome),
        new: new.map(|record| record.outcome),
        reason: new.and_then(|record| record.reason.as_deref().map(escape::line)),
        cases: ids.into_iter().filter_map(|id| case_change(id, runs)).collect(),
    }
}

fn case_change(id: &str, runs: [&RunReport; 2]) -> Option<CaseChange> {
    let [old, new] = runs.map(|run| run.cases.iter().find(|case| case.id == id));
    let outcome = |case: Option<&CaseRecord>| case.map(|case| case.outcome);
    (outcome(old) != outcome(new)).then(|| CaseChange {
        id: id.to_owned(),
        old: outcome(old),
        new: outcome(new),
        message: new.filter(|case| case.outcome != Outcome::Pass).map(plain::message),
    })
}

fn write_change(out: &mut String, change: &Change) -> fmt::Result {
    write!(out, "  {:<7} {:<6}  {}", change.id.to_string(), change.level.to_string(), change.title)?;
    match (change.old, change.new) {
        (Some(Outcome::Pass), Some(Outcome::Fail))
        | (Some(Outcome::Fail), Some(Outcome::Pass | Outcome::Fail)) => writeln!(out)?,
        (old, new) => writeln!(out, "  ({} -> {})", word(old), word(new))?,
    }
    if let Some(reason) = &change.reason {
        writeln!(out, "    {DIM}{reason}{DIM:#}")?;
    }
    for case in change.cases.iter().take(NAMED_CASES) {
        write!(out, "    {}: {} -> {}", case.id, word(case.old), word(case.new))?;
        match &case.message {
            Some(message) => writeln!(out, ": {message}")?,
            None => writeln!(out)?,
        }
    }
    match change.cases.len().checked_sub(NAMED_CASES) {
        Some(hidden @ 1..) => writeln!(out, "    and {hidden} more"),
        _ => Ok(()),
    }
}

fn word(outcome: Option<Outcome>) -> String {
    outcome.map_or("not there".to_owned(), |outcome| outcome.to_string())
}
