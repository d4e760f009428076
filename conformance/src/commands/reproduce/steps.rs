//! The steps of a case as lines of the script's list, with the fields of every message in a comment. What a script
//! cannot do is left out, with the reason.

use std::time::Duration;

use super::python;
use crate::model::bytes::{Chunk, Expected, Outgoing, Pattern};
use crate::model::case::Case;
use crate::model::step::{Action, CONTROL, Step};
use crate::words::annotate::by_field;
use crate::words::steps::{Argument, Description, Item, SHOWN_PORT, folded, items};

/// If a line of the list would be longer than this, its comment gets a line of its own.
const WIDTH: usize = 118;

/// From this number on, equal bytes are written as one byte and their number.
const ALIKE: usize = 5;

/// The number of bytes on one line of the list.
const BYTES_A_LINE: usize = 32;

/// The length of the longest message, Results. The fields of longer bytes are not written.
const LONGEST_MESSAGE: usize = 10;

/// The lines of the list, and a line for each step that is left out.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) lines: Vec<String>,
    pub(super) left_out: Vec<String>,
}

/// Every step of the case. Repeated steps are written once.
pub(super) fn steps(case: &Case) -> Steps {
    let mut written: Vec<Vec<String>> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    let mut started = false;
    for item in items(case) {
        written.push(match item {
            Item::Session { request, within } => {
                let test = request.materialise(0, 0, |_| ()).concat();
                let test = test.get(2).map(|test| python::string(&format!("{test:02x}")));
                vec![format!("*session({}, within={}),", test.unwrap_or_default(), seconds(within))]
            }
            // The script itself does the first start.
            Item::Step { step: Step { action: Action::Start, .. }, .. } if !started => {
                started = true;
                continue;
            }
            Item::Step { step, sent } => {
                let description = Description::of(case, step, None);
                lines_of(step, description, sent).unwrap_or_else(|reason| {
                    if !left_out.iter().any(|known| known == reason) {
                        left_out.push(reason.to_owned());
                    }
                    vec![format!("# left out: {reason}")]
                })
            }
        });
    }
    let around = |times: usize| [Some("*[".to_owned()), Some(format!("] * {times},"))];
    Steps { lines: folded(&written, "    ", around), left_out }
}

/// The lines of a step in the list; or why it is left out. `sent` is the bytes of a `send` in words.
fn lines_of(
    step: &Step,
    description: Description<'_>,
    sent: Option<String>,
) -> Result<Vec<String>, &'static str> {
    let mut comment = None;
    let mut arguments: Vec<String> = Vec::new();
    for (key, value) in description.call? {
        let value = match value {
            Argument::Yes => "True".to_owned(),
            Argument::Number(number) => number.to_string(),
            Argument::Time(time) => seconds(time),
            Argument::Text(text) => python::string(&text),
            Argument::Sent(outgoing) => {
                let cells = send_cells(outgoing);
                comment = with_fields(outgoing, &cells, sent.as_deref());
                bytes(&cells)
            }
            Argument::Due(pattern) => {
                let cells = cells(pattern);
                comment = in_fields(&cells);
                bytes(&cells)
            }
        };
        arguments.push(format!("{key}={value}"));
    }
    let connects = matches!(step.action, Action::Connect(_));
    if step.action.facts().has_connection && !connects && (step.on.len() > 1 || step.connection() != CONTROL)
    {
        let names: Vec<_> = step.on.iter().map(|name| python::string(name)).collect();
        match &names[..] {
            [name] => arguments.push(format!("on={name}")),
            names => arguments.push(format!("on=[{}]", names.join(", "))),
        }
    }
    if let Some(why) = &step.why {
        arguments.push(format!("why={}", python::string(why)));
    }
    let call = format!("dict({}),", arguments.join(", "));
    Ok(match comment {
        None => vec![call],
        Some(comment) if !call.contains('\n') && call.len() + comment.len() + 4 <= WIDTH => {
            vec![format!("{call}  # {comment}")]
        }
        Some(comment) => {
            let mut lines = vec![format!("# {comment}")];
            lines.extend(call.lines().map(str::to_owned));
            lines
        }
    })
}

/// The bytes of a `send` in words, with the fields if it is one message.
fn with_fields(outgoing: &Outgoing, cells: &[String], sent: Option<&str>) -> Option<String> {
    // The number of the port is not the real one.
    let sent = sent?.replace(&format!(", port {SHOWN_PORT}"), "");
    let flat: Vec<String> = cells.iter().filter(|cell| *cell != "|").cloned().collect();
    Some(match in_fields(&flat) {
        Some(fields) if outgoing.length() <= LONGEST_MESSAGE => format!("{sent}: {}", fields_only(&fields)),
        _ => sent,
    })
}

/// Seconds without needless digits.
pub(super) fn seconds(duration: Duration) -> String {
    let text = format!("{:.6}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The tokens of a send: `|` between segments, hex pairs, `HI` and `LO` for the bytes of our data port, `NN*8` for
/// the count of the datagrams (`NN%75`: three quarters of it), `random*N` and `00*N`.
fn send_cells(outgoing: &Outgoing) -> Vec<String> {
    let mut cells = Vec::new();
    for (index, segment) in outgoing.segments.iter().enumerate() {
        if index > 0 {
            cells.push("|".to_owned());
        }
        for chunk in segment {
            match chunk {
                Chunk::Bytes(bytes) => cells.extend(bytes.iter().map(|byte| format!("{byte:02x}"))),
                Chunk::Fill(byte, count) if *count <= BYTES_A_LINE => {
                    cells.extend(std::iter::repeat_n(format!("{byte:02x}"), *count));
                }
                Chunk::Fill(byte, count) => cells.push(format!("{byte:02x}*{count}")),
                Chunk::Random(count) => cells.push(format!("random*{count}")),
                Chunk::DataPort { high: true } => cells.push("HI".to_owned()),
                Chunk::DataPort { high: false } => cells.push("LO".to_owned()),
                Chunk::Count if outgoing.percent == 100 => {
                    cells.extend(std::iter::repeat_n("NN".to_owned(), 8))
                }
                Chunk::Count => cells.push(format!("NN%{}", outgoing.percent)),
            }
        }
    }
    cells
}

/// The tokens of an `expect`: hex pairs, `??` for any byte, `PP` for a byte of the announced port, `NN` for a byte of the
/// count of the datagrams that the script has sent.
fn cells(pattern: &Pattern) -> Vec<String> {
    let cell = |expected: &Expected| match expected {
        Expected::Exactly(byte) => format!("{byte:02x}"),
        Expected::Any => "??".to_owned(),
        Expected::Port => "PP".to_owned(),
        Expected::Count => "NN".to_owned(),
    };
    pattern.bytes.iter().map(cell).collect()
}

/// Tokens as a Python string, on several lines if there are many.
fn bytes(cells: &[String]) -> String {
    let mut short = Vec::new();
    for alike in cells.chunk_by(|left, right| left == right) {
        match alike {
            [one, .., _] if alike.len() >= ALIKE && one.len() == 2 => {
                short.push(format!("{one}*{}", alike.len()))
            }
            _ => short.extend_from_slice(alike),
        }
    }
    let cells = short.as_slice();
    if cells.len() <= BYTES_A_LINE {
        return python::string(&cells.join(" "));
    }
    let lines: Vec<_> = cells
        .chunks(BYTES_A_LINE)
        .map(|chunk| format!("    {}", python::string(&format!("{} ", chunk.join(" ")))))
        .collect();
    format!("(\n{})", lines.join("\n"))
}

/// The message that these tokens are, or the beginning of one: `Reply: version=01, message_type=02, test_port=PP PP`.
fn in_fields(cells: &[String]) -> Option<String> {
    let join = |value: &[String]| bytes(value).trim_matches('"').to_owned();
    by_field(cells, join).map(|(kind, fields)| format!("{kind}: {fields}"))
}

fn fields_only(named: &str) -> &str {
    named.split_once(": ").map_or(named, |(_, fields)| fields)
}
