//! `conformance merge`: makes one report of several runs of one target, which are shards or repetitions. A case on which
//! the runs do not agree fails.

use crate::words::escape;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use thiserror::Error;

use crate::grading::baseline::Baseline;
use crate::grading::conclusion::conclude;
use crate::grading::{self, choice, stored};
use crate::model::exit::Exit;
use crate::model::known::Comparison;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::refusal::{Refusal, write_line};
use crate::model::requirement::{Catalogue, RequirementId};
use crate::report::format::{ReportArg, ReportFormat};
use crate::report::set::Reports;
use crate::report::{self, RunReport, Tool};

/// Merges the reports of these files. `verbose` is for the report for a person.
pub fn merge(files: &[PathBuf], reports: &[ReportArg], verbose: bool) -> Exit {
    try_merge(files, reports, verbose).unwrap_or_else(Refusal::report)
}

fn try_merge(files: &[PathBuf], asked: &[ReportArg], verbose: bool) -> Result<Exit, Refusal> {
    let catalogue = choice::catalogue()?;
    if asked.iter().any(|arg| arg.format == ReportFormat::Jsonl) {
        return Err(Refusal::usage("--report jsonl: it reports a run while it lasts, and these are over"));
    }
    let read = |path: &PathBuf| Ok((path.display().to_string(), stored::read(path)?));
    let runs =
        files.iter().map(read).collect::<Result<Vec<_>, stored::ReadError>>().map_err(Refusal::usage)?;
    let json = [ReportArg { format: ReportFormat::Json, file: None }];
    let reports = Reports::open(if asked.is_empty() { &json } else { asked }).map_err(Refusal::usage)?;
    let reports = reports.verbose(verbose);
    let Merged { report, conflicts } = merge_runs(runs, &catalogue).map_err(Refusal::usage)?;
    for conflict in &conflicts {
        write_line(format_args!("conformance: {}", escape::line(conflict)));
    }
    reports.write(&report, &catalogue).map_err(Refusal::not_carried_out)?;
    let known = report.baseline.clone().map(known_failures);
    let baseline = known.map(|known_failures| Baseline { known_failures });
    Ok(grading::exit_with(baseline.as_ref(), &report, false))
}

/// Several runs as one.
#[derive(Debug)]
pub struct Merged {
    /// The merged report.
    pub report: RunReport,
    /// What the runs do not agree on, one line each.
    pub conflicts: Vec<String>,
}

/// Why runs cannot be merged.
#[derive(Debug, Error)]
pub enum MergeError {
    /// There is none.
    #[error("nothing to merge")]
    Nothing,
    /// The digest of the file or the arguments differ.
    #[error("{name} and {first} are not of one target: its file or its arguments differ")]
    OtherTarget {
        /// The first file.
        first: String,
        /// The other one.
        name: String,
    },
    /// A requirement that this program does not know.
    #[error("{name}: {id} is no requirement of this catalogue (the report is of version {version})")]
    OtherCatalogue {
        /// The file.
        name: String,
        /// The requirement.
        id: RequirementId,
        /// The version of the program that wrote the file.
        version: String,
    },
}

/// Merges runs, each with the name of its file.
pub fn merge_runs(runs: Vec<(String, RunReport)>, catalogue: &Catalogue) -> Result<Merged, MergeError> {
    let mut runs = runs.into_iter();
    let (first_name, mut whole) = runs.next().ok_or(MergeError::Nothing)?;
    refuse_unknown(&first_name, &whole, catalogue)?;
    let mut conflicts = Vec::new();
    let mut cases = Cases::default();
    cases.add(&first_name, std::mem::take(&mut whole.cases), &mut conflicts);
    let mut known = whole.baseline.take().map(known_failures);
    let mut ids: Vec<_> = whole.requirements.iter().map(|record| record.id.clone()).collect();
    for (name, run) in runs {
        refuse_unknown(&name, &run, catalogue)?;
        if run.target.sha256 != whole.target.sha256 || run.target.args != whole.target.args {
            return Err(MergeError::OtherTarget { first: first_name, name });
        }
        conflicts.extend(option_conflicts(&first_name, &whole, &name, &run));
        whole.options.part = whole.options.part.max(run.options.part);
        whole.options.quick &= run.options.quick;
        whole.options.fail_on = whole.options.fail_on.min(run.options.fail_on);
        whole.started = earlier(&whole.started, &run.started);
        whole.duration += run.duration;
        whole.explored = whole.explored.or(run.explored);
        if let Some(comparison) = run.baseline {
            known.get_or_insert_default().extend(known_failures(comparison));
        }
        ids.extend(run.requirements.iter().map(|record| record.id.clone()));
        cases.add(&name, run.cases, &mut conflicts);
    }
    whole.cases = cases.known.into_values().map(|(_, case)| case).collect();
    whole.baseline = known.map(|known_failures| Baseline { known_failures }.compare(&whole.cases));
    conclude(&mut whole, catalogue, |id| ids.contains(id));
    whole.schema = report::SCHEMA;
    whole.tool = Tool::this();
    Ok(Merged { report: whole, conflicts })
}

fn known_failures(comparison: Comparison) -> BTreeSet<String> {
    comparison.expected.into_iter().chain(comparison.fixed).collect()
}

fn refuse_unknown(name: &str, run: &RunReport, catalogue: &Catalogue) -> Result<(), MergeError> {
    match run.requirements.iter().find(|record| catalogue.find(&record.id).is_none()) {
        Some(record) => Err(MergeError::OtherCatalogue {
            name: name.to_owned(),
            id: record.id.clone(),
            version: run.tool.version.clone(),
        }),
        None => Ok(()),
    }
}

/// Options that the verdicts depend on, where the two runs differ.
fn option_conflicts(first_name: &str, first: &RunReport, name: &str, run: &RunReport) -> Vec<String> {
    let pairs = [
        ("the version of this program", first.tool.version != run.tool.version),
        ("the times", first.options.tolerances != run.options.tolerances),
        ("the isolation", first.isolation != run.isolation),
        ("--fail-on (the stricter one counts)", first.options.fail_on != run.options.fail_on),
    ];
    let differing = pairs.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(what, _)| format!("{name} and {first_name} differ in {what}")).collect()
}

/// The earlier of two RFC 3339 times; `left` if one of them is not such a time.
fn earlier(left: &str, right: &str) -> String {
    let parsed = |text: &str| text.parse::<jiff::Timestamp>().ok();
    match (parsed(left), parsed(right)) {
        (Some(first), Some(second)) if second < first => right.to_owned(),
        _ => left.to_owned(),
    }
}

/// The cases so far, each with the name of its file.
#[derive(Default)]
struct Cases {
    known: BTreeMap<String, (String, CaseRecord)>,
}

impl Cases {
    fn add(&mut self, name: &str, cases: Vec<CaseRecord>, conflicts: &mut Vec<String>) {
        for case in cases {
            let merged = match self.known.remove(&case.id) {
                None => (name.to_owned(), case),
                Some(known) => merge_case(known, (name.to_owned(), case), conflicts),
            };
            self.known.insert(merged.1.id.clone(), merged);
        }
    }
}

fn merge_case(
    (known_name, known): (String, CaseRecord),
    (name, case): (String, CaseRecord),
    conflicts: &mut Vec<String>,
) -> (String, CaseRecord) {
    if known.requirements != case.requirements {
        conflicts.push(format!("{}: {name} and {known_name} have it for other requirements", case.id));
    }
    let judged = |case: &CaseRecord| matches!(case.outcome, Outcome::Pass | Outcome::Fail);
    match (judged(&known), judged(&case)) {
        (true, true) if known.outcome != case.outcome => {
            let (failed_name, mut failed, passed_name) = match known.outcome {
                Outcome::Fail => (known_name, known, name),
                _ => (name, case, known_name),
            };
            conflicts.push(format!("{}: fails in {failed_name} and passes in {passed_name}", failed.id));
            let message = failed.message.take().unwrap_or_default();
            failed.message = Some(format!("fails in {failed_name} and passes in {passed_name}: {message}"));
            (failed_name, failed)
        }
        // A run that judged the case counts. If none did, the worse outcome counts.
        (false, true) => (name, case),
        (false, false) if case.outcome > known.outcome => (name, case),
        _ => (known_name, known),
    }
}
