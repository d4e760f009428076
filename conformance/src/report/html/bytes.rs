//! What was due and what came as a table with a cell for each byte, under the names of the fields.

use tester::protocol::message::Field;

use crate::model::outcome::CaseRecord;
use crate::words::annotate::{Side, Sides, sides};

/// A comparison, ready for its template.
#[derive(Debug)]
pub(super) struct Comparison {
    /// What was due, if that is not bytes.
    pub(super) expected: Option<String>,
    /// The sides that are bytes.
    pub(super) table: Option<Table>,
    /// What came, if that is not bytes.
    pub(super) came: Option<String>,
    /// What is wrong at the marked byte.
    pub(super) note: Option<String>,
    /// What the bytes that came mean.
    pub(super) meaning: Option<String>,
}

/// Bytes under bytes.
#[derive(Debug)]
pub(super) struct Table {
    /// The fields, each with its number of bytes.
    pub(super) fields: Vec<(&'static str, usize)>,
    /// "expected" and "came", if they are bytes.
    pub(super) rows: Vec<Row>,
    /// The number of columns with bytes.
    pub(super) columns: usize,
}

/// One side of a table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) cells: Vec<Cell>,
    /// How many more bytes came than are shown.
    pub(super) hidden: usize,
}

/// One byte.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Whether it is the first that is wrong.
    pub(super) wrong: bool,
    /// Whether a field begins with it.
    pub(super) begins: bool,
}

impl From<Sides> for Comparison {
    fn from(sides: Sides) -> Self {
        let Sides { fields, expected, came, wrong, meaning } = sides;
        let mut rows = Vec::new();
        let mut side = |name, side, wrong| match side {
            Side::Words(words) => Some(words),
            Side::Bytes { cells, hidden } => {
                rows.push(Row::of(name, cells, hidden, wrong, fields));
                None
            }
        };
        let expected = side("expected", expected, None);
        let came = side("came", came, wrong.as_ref().map(|wrong| wrong.offset));
        let table = Some(Table::of(rows, fields)).filter(|table| !table.rows.is_empty());
        Self { expected, table, came, note: wrong.map(|wrong| wrong.note), meaning }
    }
}

impl Table {
    fn of(rows: Vec<Row>, fields: &[Field]) -> Self {
        let mut named: Vec<_> = fields.iter().map(|field| (field.name, field.size)).collect();
        let reach: usize = named.iter().map(|(_, size)| size).sum();
        let columns = rows.iter().map(Row::columns).max().unwrap_or(0).max(reach);
        // Bytes after the last field have no name.
        if !named.is_empty() && reach < columns {
            named.push(("", columns - reach));
        }
        Self { fields: named, rows, columns }
    }
}

impl Row {
    fn of(
        name: &'static str,
        mut cells: Vec<String>,
        hidden: usize,
        wrong: Option<usize>,
        fields: &[Field],
    ) -> Self {
        // The first missing byte has a cell too.
        if wrong == Some(cells.len()) && hidden == 0 {
            cells.push("\u{2013}".to_owned());
        }
        let begins = |offset| fields.iter().any(|field| field.offset == offset);
        let cell = |(offset, text)| Cell { text, wrong: wrong == Some(offset), begins: begins(offset) };
        Self { name, cells: cells.into_iter().enumerate().map(cell).collect(), hidden }
    }

    fn columns(&self) -> usize {
        self.cells.len() + usize::from(self.hidden > 0)
    }

    /// How many columns of the table are left after its bytes.
    pub(super) fn rest(&self, columns: usize) -> usize {
        columns.saturating_sub(self.columns())
    }
}

/// The index of the first wrong byte of a case in `bytes`. They must be what came (`whole`), or its end.
pub(super) fn wrong_byte(case: &CaseRecord, bytes: &[u8], whole: bool) -> Option<usize> {
    let sides = sides(&case.finding.as_ref()?.fault);
    let Side::Bytes { cells, hidden } = sides.came else { return None };
    let before = (cells.len() + hidden).checked_sub(bytes.len())?;
    let same = bytes.iter().zip(cells.iter().skip(before)).all(|(byte, cell)| *cell == format!("{byte:02x}"));
    let wrong = sides.wrong?.offset.checked_sub(before)?;
    (same && (before == 0 || !whole) && wrong < bytes.len()).then_some(wrong)
}
