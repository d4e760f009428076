//! What was due and what came, byte under byte, with the field names above and carets under the wrong bytes. Plain
//! ASCII, which needs no colours.

use tester::protocol::message::{Field, MessageType};

use super::dialogue::{as_text, count_bytes, fields, read};
use crate::model::bytes::{Expected, Pattern};
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::words::page::seconds;

/// How many bytes are shown at most.
const SHOWN: usize = 24;

/// A comparison, ready to be printed: every text is one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The field names above the bytes.
    pub fields: Option<String>,
    /// What was due.
    pub expected: String,
    /// What came.
    pub came: String,
    /// The carets under the wrong bytes, with a note.
    pub caret: Option<String>,
    /// What the bytes that came mean, if the rows do not show it.
    pub meaning: Option<String>,
}

/// Compares what was due with what came. As many bytes are shown as fit into `width` columns.
pub fn compare(fault: &Fault, width: usize) -> Comparison {
    sides(fault).laid_out(width)
}

/// The two sides of a comparison, before they are put into rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The fields of the bytes; none if no message was due and none came.
    pub fields: &'static [Field],
    /// What was due.
    pub expected: Side,
    /// What came.
    pub came: Side,
    /// What is wrong in what came, if it is bytes.
    pub wrong: Option<Wrong>,
    /// What the bytes that came mean, if they do not show it.
    pub meaning: Option<String>,
}

/// One of the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// In words.
    Words(String),
    /// Byte by byte.
    Bytes {
        /// Two letters for each byte: its hex digits, or a sign such as `??`.
        cells: Vec<String>,
        /// How many more came than are shown.
        hidden: usize,
    },
}

/// Where the bytes that came are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The first wrong byte, or the first that is missing, counted from 0.
    pub offset: usize,
    /// How many.
    pub length: usize,
    /// What is wrong there.
    pub note: String,
}

impl Sides {
    fn of_words(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self {
            fields: &[],
            expected: Side::Words(expected.into()),
            came: Side::Words(came.into()),
            wrong: None,
            meaning: None,
        }
    }

    fn of_bytes(expected: &Pattern, actual: &[u8], wrong: impl Into<Option<(usize, usize, String)>>) -> Self {
        let kind = match expected.bytes.get(1) {
            Some(Expected::Exactly(kind)) => MessageType::of(*kind),
            _ => None,
        };
        Self {
            fields: kind.map_or(&[], fields),
            expected: Side::Bytes { cells: expected.bytes.iter().map(due_cell).collect(), hidden: 0 },
            came: Side::of(actual),
            wrong: wrong.into().map(|(offset, length, note)| Wrong { offset, length, note }),
            meaning: as_text(actual)
                .filter(|_| !actual.is_empty())
                .map(|text| format!("as text: \"{text}\"")),
        }
    }

    fn laid_out(self, width: usize) -> Comparison {
        let grid = Grid { fields: self.fields };
        let expected = match &self.expected {
            Side::Words(words) => words.clone(),
            Side::Bytes { cells, .. } => grid.row(cells),
        };
        let (came, shown) = match &self.came {
            Side::Words(words) => (words.clone(), 0),
            Side::Bytes { cells, hidden } => {
                // As many as fit, with room for "...".
                let fits =
                    (1..=cells.len()).rev().find(|count| grid.column(*count) + 3 <= width).unwrap_or(1);
                let shown = &cells[..fits.min(cells.len())];
                let more = if shown.len() < cells.len() + hidden { " ..." } else { "" };
                (grid.row(shown) + more, shown.len())
            }
        };
        let caret = self.wrong.filter(|wrong| wrong.offset <= shown).map(|Wrong { offset, length, note }| {
            let column = grid.column(offset);
            let end = (offset + length).clamp(offset + 1, shown.max(offset + 1));
            let carets = "^".repeat(grid.column(end - 1) + 2 - column);
            beside(column, &carets, &note, width)
        });
        Comparison { fields: grid.names(), expected, came, caret, meaning: self.meaning }
    }
}

impl Side {
    /// Bytes that came. Of many bytes the first are shown, and the rest is counted.
    fn of(actual: &[u8]) -> Self {
        let cells: Vec<_> = actual.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
        Self::Bytes { hidden: actual.len() - cells.len(), cells }
    }
}

fn due_cell(byte: &Expected) -> String {
    match byte {
        Expected::Exactly(byte) => format!("{byte:02x}"),
        Expected::Any => "??".to_owned(),
        Expected::Port => "PP".to_owned(),
        Expected::Count => "NN".to_owned(),
    }
}

/// What was due and what came, as bytes or in words.
pub fn sides(fault: &Fault) -> Sides {
    match fault {
        Fault::WrongByte { expected, actual, offset } => {
            let came = actual.get(*offset).copied().unwrap_or_default();
            let mut sides = Sides::of_bytes(expected, actual, None);
            let note = match (expected.bytes.get(*offset), field_at(sides.fields, *offset)) {
                (Some(Expected::Exactly(due)), Some(field)) => {
                    format!("byte {}, {}: {came:02x} instead of {due:02x}", offset + 1, field.name)
                }
                (Some(Expected::Exactly(due)), None) => {
                    format!("byte {}: {came:02x} instead of {due:02x}", offset + 1)
                }
                _ => format!("byte {}", offset + 1),
            };
            sides.wrong = Some(Wrong { offset: *offset, length: 1, note });
            sides
        }
        Fault::SurplusBytes { expected, actual } => {
            let due = expected.bytes.len();
            let extra = actual.len() - due;
            Sides::of_bytes(expected, actual, (due, extra, format!("{} too many", count_bytes(extra))))
        }
        Fault::EndedBeforeBytes { expected, actual, by } => {
            missing(expected, actual, &format!("the connection was closed ({by})"))
        }
        Fault::BytesMissing { expected, actual, waited } => {
            missing(expected, actual, &format!("nothing within {}", seconds(*waited)))
        }
        Fault::BytesBeforeClose { actual } => {
            unasked("the connection is closed, and no byte comes before", actual)
        }
        Fault::BytesInSilence { actual } => unasked("nothing yet", actual),
        Fault::PortSwapped { announced, open } => {
            let [high, low] = open.to_be_bytes().map(Expected::Exactly);
            port([high, low], *announced, "the two bytes are swapped")
        }
        Fault::PortZero => port([Expected::Port; 2], 0, "no port"),
        Fault::BytesTooEarly { actual, after, not_before } => Sides::of_words(
            format!("{}, not before {}", name(actual), seconds(*not_before)),
            format!("{}, after {}", name(actual), show(*after)),
        ),
        Fault::StillOpen { waited } => Sides::of_words(
            format!("the connection is closed within {}", seconds(*waited)),
            format!("it was still open after {}", seconds(*waited)),
        ),
        Fault::ClosedInSilence { by, after, .. } => Sides::of_words(
            "the connection stays open",
            format!("it was closed ({by}) after {}", show(*after)),
        ),
        other => Sides::of_words(other.expected(), other.actual()),
    }
}

/// A Reply with a wrong test port.
fn port(due: [Expected; 2], announced: u16, note: &str) -> Sides {
    let kind = MessageType::Reply as u8;
    let expected =
        Pattern { bytes: [Expected::Exactly(1), Expected::Exactly(kind), due[0], due[1]].to_vec() };
    let [high, low] = announced.to_be_bytes();
    Sides::of_bytes(&expected, &[1, kind, high, low], (2, 2, note.to_owned()))
}

fn missing(expected: &Pattern, actual: &[u8], how: &str) -> Sides {
    if actual.is_empty() {
        let came = format!("nothing: {how}").replace("nothing: nothing", "nothing");
        return Sides { came: Side::Words(came), ..Sides::of_bytes(expected, actual, None) };
    }
    let lacking = expected.bytes.len() - actual.len();
    let note =
        format!("{} missing, then {how}", count_bytes(lacking)).replace("then nothing", "nothing more");
    Sides::of_bytes(expected, actual, (actual.len(), 1, note))
}

fn unasked(expected: &str, actual: &[u8]) -> Sides {
    let kind = (actual.len() > 1 && actual[0] == 1).then(|| MessageType::of(actual[1])).flatten();
    let meaning = as_text(actual).map(|text| format!("as text: \"{text}\"")).or_else(|| {
        let (name, size) = read(kind?, actual).ok()?;
        Some(match actual.len().checked_sub(size) {
            Some(extra @ 1..) => format!("{name}, and {} more", count_bytes(extra)),
            _ => name,
        })
    });
    Sides {
        fields: kind.map_or(&[], fields),
        expected: Side::Words(expected.to_owned()),
        came: Side::of(actual),
        wrong: Some(Wrong { offset: 0, length: 1, note: "no byte may come here".to_owned() }),
        meaning,
    }
}

/// The name of a message, or its bytes if it is none.
fn name(bytes: &[u8]) -> String {
    let kind = bytes.get(1).and_then(|kind| MessageType::of(*kind));
    kind.and_then(|kind| read(kind, bytes).ok()).map_or_else(|| hex_row(bytes), |(name, _)| name)
}

fn hex_row(bytes: &[u8]) -> String {
    let row: Vec<_> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more =
        if bytes.len() > SHOWN { format!(" ... ({})", count_bytes(bytes.len())) } else { String::new() };
    format!("{}{more}", row.join(" "))
}

/// The message that these bytes are, or the beginning of one, field by field, such as `version=01, message_type=02,
/// test_port=PP PP`, with its type. A byte is a text, because it may be unknown; `join` joins those of a field.
pub fn by_field(cells: &[String], join: impl Fn(&[String]) -> String) -> Option<(MessageType, String)> {
    let kind = MessageType::of(u8::from_str_radix(cells.get(1)?, 16).ok()?)?;
    let fields = fields(kind);
    if fields.last().is_some_and(|last| cells.len() > last.offset + last.size) {
        return None;
    }
    let words: Vec<_> = fields
        .iter()
        .map_while(|field| {
            let value = cells.get(field.offset..field.offset + field.size)?;
            Some(format!("{}={}", field.name, join(value)))
        })
        .collect();
    Some((kind, words.join(", ")))
}

fn field_at(fields: &'static [Field], offset: usize) -> Option<&'static Field> {
    fields.iter().find(|field| (field.offset..field.offset + field.size).contains(&offset))
}

/// The column of each byte of a message, under the name of its field.
struct Grid {
    fields: &'static [Field],
}

impl Grid {
    fn width_of(field: &Field) -> usize {
        field.name.len().max(3 * field.size - 1)
    }

    /// The column of the byte at `offset`.
    fn column(&self, offset: usize) -> usize {
        let before = |field: &&Field| field.offset + field.size <= offset;
        let mut passed = self.fields.iter().filter(before);
        let start: usize = passed.clone().map(|field| Self::width_of(field) + 2).sum();
        let within = offset - passed.next_back().map_or(0, |field| field.offset + field.size);
        start + 3 * within
    }

    fn row(&self, cells: &[String]) -> String {
        let mut row = String::new();
        for (offset, cell) in cells.iter().enumerate() {
            let column = self.column(offset);
            row.extend(std::iter::repeat_n(' ', column.saturating_sub(row.len())));
            row.push_str(cell);
        }
        row
    }

    fn names(&self) -> Option<String> {
        let mut row = String::new();
        for field in self.fields {
            row.extend(std::iter::repeat_n(' ', self.column(field.offset).saturating_sub(row.len())));
            row.push_str(field.name);
        }
        (!row.is_empty()).then_some(row)
    }
}

/// The carets with their note after them. If it does not fit there, the note comes before them.
fn beside(column: usize, carets: &str, note: &str, width: usize) -> String {
    let indent = " ".repeat(column);
    if column + carets.len() + 1 + note.len() <= width || note.len() + 1 > column {
        return format!("{indent}{carets} {note}").trim_end().to_owned();
    }
    format!("{note:>length$} {carets}", length = column - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::model::transcript::EndedBy;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn shown(fault: &Fault, width: usize) -> String {
        let it = compare(fault, width);
        let rows = [it.fields, Some(it.expected), Some(it.came), it.caret, it.meaning];
        rows.into_iter().flatten().map(|row| format!("|{row}\n")).collect()
    }

    fn wrong_byte(expected: &str, actual: &str, offset: usize) -> Fault {
        Fault::WrongByte { expected: pattern(expected), actual: hex::decode(actual).unwrap(), offset }
    }

    #[rstest]
    #[case::wrong_type("wrong_type", wrong_byte("01 02 PP PP", "01039cbb", 1))]
    #[case::text("text", wrong_byte("01 02 PP PP", "3120320a", 0))]
    #[case::padded("padded", Fault::SurplusBytes {
        expected: pattern("01 04 ??*8"), actual: [&[1, 4][..], &[0; 14]].concat() })]
    #[case::flood("flood", Fault::SurplusBytes {
        expected: pattern("01 02 PP PP"), actual: vec![1; 4096] })]
    #[case::short("short", Fault::EndedBeforeBytes {
        expected: pattern("01 04 ??*8"), actual: vec![1, 4, 0, 0, 0, 0], by: EndedBy::EndOfFile })]
    #[case::nothing("nothing", Fault::BytesMissing {
        expected: pattern("01 02 PP PP"), actual: Vec::new(), waited: Duration::from_secs(5) })]
    #[case::answered("answered", Fault::BytesBeforeClose { actual: vec![1, 2, 0x9c, 0xbb] })]
    #[case::greeting("greeting", Fault::BytesInSilence { actual: b"hello\n".to_vec() })]
    #[case::swapped("swapped", Fault::PortSwapped { announced: 0xbb9c, open: 0x9cbb })]
    #[case::zero("zero", Fault::PortZero)]
    #[case::early("early", Fault::BytesTooEarly {
        actual: vec![1, 3], after: Duration::from_millis(3), not_before: Duration::from_secs(1) })]
    fn comparisons_read_well(#[case] name: &str, #[case] fault: Fault) {
        insta::assert_snapshot!(format!("comparison-{name}"), shown(&fault, 66));
    }
}
