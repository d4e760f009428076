//! One case: what was due and what came, the conversation as a drawing and in words, what the program printed, and the
//! command that plays it again.

use super::bytes::Comparison;
use super::ladder::Drawing;
use super::mark::Mark;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::standing::Standing;
use crate::report::RunReport;
use crate::report::plain::{self, Tail};
use crate::words::annotate::sides;
use crate::words::ladder;
use crate::words::page::DEFAULT_WIDTH;

/// A case, ready for its template.
#[derive(Debug)]
pub(super) struct CaseView<'r> {
    /// Its index in the report.
    pub(super) index: usize,
    pub(super) id: &'r str,
    pub(super) summary: &'r str,
    pub(super) mark: Mark,
    /// Why a failure does not count, or a passed case does.
    pub(super) remark: Option<String>,
    /// What is wrong, or why it was not judged, in words.
    pub(super) message: Option<String>,
    pub(super) comparison: Option<Comparison>,
    /// Its outcome in each run.
    pub(super) runs: Option<String>,
    pub(super) why: Option<&'r str>,
    pub(super) drawing: Option<Drawing>,
    pub(super) legend: String,
    pub(super) lines: Vec<ladder::Line>,
    pub(super) outputs: Vec<(&'static str, Tail)>,
    pub(super) leftovers: Option<String>,
    /// The two parts of the command. A line may break between them.
    pub(super) command: (String, String),
}

impl<'r> CaseView<'r> {
    /// The case with this index in the report.
    pub(super) fn of(index: usize, report: &'r RunReport) -> Self {
        let case = &report.cases[index];
        let comparison = case.finding.as_ref().map(|finding| Comparison::from(sides(&finding.fault)));
        let shown = comparison.is_some() || case.outcome == Outcome::Pass;
        let passed = case.outcome == Outcome::Pass;
        let output = |name, text| Some((name, plain::tail(text))).filter(|(_, tail)| !tail.lines.is_empty());
        Self {
            index,
            id: &case.id,
            summary: &case.summary,
            mark: Mark::of_case(case, report),
            remark: Standing::of(case, report).remark(),
            message: (!shown).then(|| plain::message(case)),
            comparison,
            runs: (case.runs.len() > 1)
                .then(|| case.runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            why: case.why.as_deref(),
            drawing: Drawing::of(case, index),
            legend: ladder::legend(case),
            lines: ladder::lines(case, DEFAULT_WIDTH),
            outputs: match passed {
                true => Vec::new(),
                false => [output("standard output", &case.stdout), output("standard error", &case.stderr)]
                    .into_iter()
                    .flatten()
                    .collect(),
            },
            leftovers: (!case.leftovers.is_empty()).then(|| case.leftovers.join(", ")),
            command: plain::command_parts(case, report),
        }
    }
}

/// The index of a case in the report.
pub(super) fn index_of(case: &CaseRecord, report: &RunReport) -> Option<usize> {
    report.cases.iter().position(|other| std::ptr::eq(other, case))
}
