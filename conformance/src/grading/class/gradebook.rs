//! The gradebook: a row for each submission, as CSV for a program and as a table for a person.

use crate::words::escape;
use std::fmt;
use std::io;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Summary};
use crate::model::requirement::{Level, RequirementId};
use crate::report::RunReport;

/// The width of the table in columns, on a terminal and in a file.
const WIDTH: u16 = 110;

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Gradebook {
    pub(super) rows: Vec<Row>,
}

/// One submission.
#[derive(Debug)]
pub(super) struct Row {
    name: String,
    standing: Standing,
    /// Why it was not graded, if it was not.
    note: String,
    graded: Option<Graded>,
}

#[derive(Debug)]
struct Graded {
    summary: Summary,
    failed: Vec<RequirementId>,
    unjudged: Vec<RequirementId>,
    program: String,
    sha256: String,
}

/// The result of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Everything that counts holds.
    Holds,
    /// Something that counts does not hold.
    DoesNotHold,
    /// Something that counts could not be judged.
    NotJudged,
    /// It could not be started, or the run was interrupted before it.
    NotGraded,
    /// The run was interrupted during it.
    Interrupted,
}

impl From<Exit> for Standing {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Holds => Self::Holds,
            Exit::DoesNotHold => Self::DoesNotHold,
            Exit::Interrupted => Self::Interrupted,
            Exit::NotCarriedOut | Exit::Usage | Exit::NothingSelected => Self::NotJudged,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::NotJudged => "not judged",
            Self::NotGraded => "not graded",
            Self::Interrupted => "interrupted",
        })
    }
}

impl Row {
    /// The row of a submission that could not be graded.
    pub(super) fn ungraded(name: &str, reason: &str) -> Self {
        Self {
            name: escape::line(name),
            standing: Standing::NotGraded,
            note: escape::line(reason),
            graded: None,
        }
    }

    /// The row of a graded submission.
    pub(super) fn graded(name: &str, standing: Standing, report: &RunReport) -> Self {
        let ids = |outcomes: &[Outcome]| {
            let records = report.requirements.iter().filter(|record| outcomes.contains(&record.outcome));
            records.map(|record| record.id.clone()).collect()
        };
        let blocked = report.requirements.iter().filter(|record| record.is_blocked());
        let mut unjudged: Vec<RequirementId> = ids(&[Outcome::Error, Outcome::Inconclusive]);
        unjudged.extend(blocked.map(|record| record.id.clone()));
        let program: Vec<_> = report.target.path.iter().chain(&report.target.args).cloned().collect();
        let graded = Graded {
            summary: report.summary,
            failed: ids(&[Outcome::Fail]),
            unjudged,
            program: escape::line(&shell_words::join(program)),
            sha256: report.target.sha256.clone().unwrap_or_default(),
        };
        Self { name: escape::line(name), standing, note: String::new(), graded: Some(graded) }
    }

    /// The name and the standing.
    pub(super) fn brief(&self) -> String {
        format!("{}: {}", self.name, self.standing)
    }

    fn share(&self, level: Level) -> String {
        let count = self.graded.as_ref().map(|graded| graded.summary.count(level));
        let total =
            |count: crate::model::outcome::Count| count.passed + count.failed + count.error + count.skipped;
        match count {
            Some(count) if total(count) > 0 => format!("{} of {}", count.passed, total(count)),
            _ => String::new(),
        }
    }

    fn ids(&self, of: fn(&Graded) -> &Vec<RequirementId>) -> String {
        let ids = self.graded.iter().flat_map(of);
        ids.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

const LEVELS: [Level; 3] = [Level::Must, Level::Should, Level::Harden];

impl Gradebook {
    /// For a person.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(WIDTH);
        table.set_header([
            "submission",
            "",
            "MUST",
            "SHOULD",
            "HARDEN",
            "does not hold, or why it was not graded",
        ]);
        for row in &self.rows {
            let [must, should, harden] = LEVELS.map(|level| row.share(level));
            let last = if row.graded.is_some() { row.ids(|graded| &graded.failed) } else { row.note.clone() };
            table.add_row([row.name.clone(), row.standing.to_string(), must, should, harden, last]);
        }
        for index in 2..5 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{table}\n")
    }

    /// For a program or a spreadsheet. Spaces separate ids.
    pub(super) fn csv(&self) -> io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut header = vec!["submission".to_owned(), "result".to_owned()];
        for level in LEVELS.map(|level| level.to_string().to_lowercase()) {
            header.extend(["passed", "failed", "error", "skipped"].map(|count| format!("{level}_{count}")));
        }
        header.extend(["failed", "not_judged", "note", "program", "sha256"].map(ToOwned::to_owned));
        csv.write_record(&header)?;
        for row in &self.rows {
            csv.write_record(row.cells().iter().map(|cell| tame(cell)))?;
        }
        csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }

    /// The exit status for all submissions.
    pub(super) fn exit(&self) -> Exit {
        let any = |standing| self.rows.iter().any(|row| row.standing == standing);
        match () {
            () if any(Standing::DoesNotHold) => Exit::DoesNotHold,
            () if self.rows.iter().all(|row| row.standing == Standing::Holds) => Exit::Holds,
            () => Exit::NotCarriedOut,
        }
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.standing.to_string()];
        for level in LEVELS {
            let count = self.graded.as_ref().map(|graded| graded.summary.count(level));
            let numbers = count.map(|count| [count.passed, count.failed, count.error, count.skipped]);
            cells.extend(
                numbers.map_or([const { String::new() }; 4], |all| all.map(|number| number.to_string())),
            );
        }
        cells.push(self.ids(|graded| &graded.failed));
        cells.push(self.ids(|graded| &graded.unjudged));
        cells.push(self.note.clone());
        cells.push(self.graded.as_ref().map(|graded| graded.program.clone()).unwrap_or_default());
        cells.push(self.graded.as_ref().map(|graded| graded.sha256.clone()).unwrap_or_default());
        cells
    }
}

/// A spreadsheet takes a cell that begins with one of these signs for a formula. A student could choose such a file name.
fn tame(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() }
}
