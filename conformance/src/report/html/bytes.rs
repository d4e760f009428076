//! What was due and what came as a table, a byte a cell, under the names of the fields.

use crate::explain::annotate::{Side, Sides, sides};
use crate::outcome::CaseRecord;

/// A comparison, ready for its template.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The bytes, where there are any.
    pub(super) table: Option<Table>,
    /// Both sides in words, where there are none.
    pub(super) words: Option<(String, String)>,
    /// What is wrong at the marked byte.
    pub(super) note: Option<String>,
    /// What the bytes that came say.
    pub(super) meaning: Option<String>,
}

/// Bytes under bytes.
#[derive(Debug)]
pub(super) struct Table {
    /// The fields and over how many bytes each reaches.
    pub(super) fields: Vec<(&'static str, usize)>,
    /// "expected" and "came".
    pub(super) rows: Vec<Row>,
    /// How many columns of bytes there are.
    pub(super) columns: usize,
}

/// One side of a table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// In words, over the whole width.
    pub(super) words: Option<String>,
    pub(super) cells: Vec<Cell>,
    /// How many more bytes came.
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
        if let (Side::Words(due), Side::Words(came)) = (&expected, &came) {
            let words = Some((due.clone(), came.clone()));
            return Self { table: None, words, note: None, meaning };
        }
        let first_wrong = wrong.as_ref().map(|wrong| wrong.offset);
        let begins = |offset: usize| fields.iter().any(|field| field.offset == offset);
        let rows: Vec<Row> = [("expected", expected, None), ("came", came, first_wrong)]
            .map(|(name, side, wrong)| Row::of(name, side, wrong, begins))
            .into();
        let columns = rows.iter().map(|row| row.cells.len() + usize::from(row.hidden > 0)).max().unwrap_or(0);
        let mut named: Vec<_> = fields.iter().map(|field| (field.name, field.size)).collect();
        let reach: usize = named.iter().map(|(_, size)| size).sum();
        if !named.is_empty() && reach < columns {
            named.push(("", columns - reach));
        }
        let columns = columns.max(reach);
        let table = Some(Table { fields: named, rows, columns });
        Self { table, words: None, note: wrong.map(|wrong| wrong.note), meaning }
    }
}

impl Row {
    fn of(name: &'static str, side: Side, wrong: Option<usize>, begins: impl Fn(usize) -> bool) -> Self {
        match side {
            Side::Words(words) => Self { name, words: Some(words), cells: Vec::new(), hidden: 0 },
            Side::Bytes { mut cells, hidden } => {
                // The first byte that is missing has a cell, too.
                if wrong == Some(cells.len()) && hidden == 0 {
                    cells.push("\u{2013}".to_owned());
                }
                let cell =
                    |(offset, text)| Cell { text, wrong: wrong == Some(offset), begins: begins(offset) };
                Self { name, words: None, cells: cells.into_iter().enumerate().map(cell).collect(), hidden }
            }
        }
    }

    /// How many columns are left behind its bytes.
    pub(super) fn rest(&self, columns: usize) -> usize {
        columns.saturating_sub(self.cells.len() + usize::from(self.hidden > 0))
    }
}

/// Which of the bytes of one message is the first wrong one of a case, where the message is (`whole`), or ends,
/// what came.
pub(super) fn wrong_byte(case: &CaseRecord, bytes: &[u8], whole: bool) -> Option<usize> {
    let sides = sides(&case.finding.as_ref()?.fault);
    let Side::Bytes { cells, hidden } = sides.came else { return None };
    let before = (cells.len() + hidden).checked_sub(bytes.len())?;
    let same = bytes.iter().zip(cells.iter().skip(before)).all(|(byte, cell)| *cell == format!("{byte:02x}"));
    let wrong = sides.wrong?.offset.checked_sub(before)?;
    (same && (before == 0 || !whole) && wrong < bytes.len()).then_some(wrong)
}
