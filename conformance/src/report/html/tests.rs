//! What the page of hand-written cases draws and marks. tests/browser checks how it looks.

use std::time::Duration;

use rstest::rstest;

use super::bytes::{Comparison, wrong_byte};
use super::ladder::{Drawing, PROGRAM, RUNNER, WIDTH};
use super::pieces;
use crate::model::bytes::Pattern;
use crate::model::fault::Fault;
use crate::model::outcome::CaseRecord;
use crate::model::sample::failed;
use crate::model::transcript::EndedBy;
use crate::words::annotate::sides;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn server(script: &str, fault: Fault) -> CaseRecord {
    failed("server/a", "SRV-1", "--server", script, fault)
}

const BEGUN: &str = "0 start\n100 ready\n103 connect\n103 open\n104 > 010102";

fn swapped() -> CaseRecord {
    server(&format!("{BEGUN}\n105 < 0102bb9c"), Fault::PortSwapped { announced: 0xbb9c, open: 0x9cbb })
}

fn padded_in_pieces() -> CaseRecord {
    let actual = [&[1, 4][..], &[0; 14]].concat();
    let script = format!("{BEGUN}\n105 < 01029cbb\n106 > 0103\n107 < 01040000\n108 < {}", "00".repeat(12));
    server(&script, Fault::SurplusBytes { expected: pattern("01 04 ??*8"), actual })
}

fn reset() -> CaseRecord {
    let reset =
        Fault::EndedBeforeBytes { expected: pattern("01 02 PP PP"), actual: Vec::new(), by: EndedBy::Reset };
    server(&format!("{BEGUN}\n200 rst\n300 exit 1"), reset)
}

fn silent() -> CaseRecord {
    let missing = Fault::BytesMissing {
        expected: pattern("01 02 PP PP"),
        actual: Vec::new(),
        waited: Duration::from_secs(5),
    };
    server(&format!("{BEGUN}\n5200 ready"), missing)
}

fn long_words() -> CaseRecord {
    let refused = Fault::NotConnected { error: "no".to_owned() };
    server(
        &format!("0 start\n100 connect\n200 refused {}", "what a system says at length ".repeat(20)),
        refused,
    )
}

fn foreign() -> CaseRecord {
    let script =
        format!("0 start\n100 connect\n200 > {}\n300 shutdown\n400 signal INT\n500 reset", "ff".repeat(4096));
    server(&script, Fault::StillOpen { waited: Duration::from_secs(5) })
}

fn early_client() -> CaseRecord {
    let early = Fault::BytesTooEarly {
        actual: vec![1, 3],
        after: Duration::from_millis(2),
        not_before: Duration::from_secs(1),
    };
    let script =
        "0 start\n200 accepted 127.0.0.1:5678\n201 < 010101\n202 > 01029cbb\n203 < 0103\n300 eof\n300 close";
    failed("client/a", "CLT-4", "--client --time=1", script, early)
}

/// A drawing in words: a row a line, from left to right as it is drawn.
fn in_words(drawing: &Drawing) -> String {
    let row = |row: &super::ladder::Row| {
        let mark = if row.wrong { "!" } else { " " };
        let words: Vec<_> = row.words.iter().map(|(_, text)| text.as_str()).collect();
        let way = match (&row.arrow, row.dot) {
            (Some(arrow), _) if arrow.line.starts_with(&format!("M{RUNNER} ")) => {
                format!("--{}-->", arrow.class)
            }
            (Some(arrow), _) => format!("<--{}--", arrow.class),
            (None, Some((RUNNER, _))) => "*".to_owned(),
            (None, Some(_)) => format!("{:>12}", "*"),
            (None, None) => String::new(),
        };
        let group = |group: &super::ladder::Group| {
            let bytes = group.bytes.iter().map(|(text, wrong)| match wrong {
                true => format!("({text})"),
                false => text.clone(),
            });
            format!("{}={}", group.field.unwrap_or("-"), bytes.collect::<Vec<_>>().join(" "))
        };
        let groups: Vec<_> = row.groups.iter().map(group).collect();
        let time = row.time.as_deref().unwrap_or("");
        format!("{mark}{time:>6} {way:<16} {} | {}", words.join(" / "), groups.join(", "))
            .trim_end_matches([' ', '|'])
            .to_owned()
    };
    drawing.rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::swapped("swapped", swapped())]
#[case::padded("padded-in-pieces", padded_in_pieces())]
#[case::reset("reset", reset())]
#[case::silent("silent", silent())]
#[case::long("long-words", long_words())]
#[case::foreign("foreign", foreign())]
#[case::client("early-client", early_client())]
fn conversations_are_drawn(#[case] name: &str, #[case] case: CaseRecord) {
    let drawing = Drawing::of(&case, 0).unwrap();
    insta::assert_snapshot!(format!("drawing-{name}"), in_words(&drawing));
}

#[rstest]
fn a_drawing_keeps_within_its_frame(
    #[values(swapped(), padded_in_pieces(), reset(), silent(), long_words(), foreign(), early_client())]
    case: CaseRecord,
) {
    let drawing = Drawing::of(&case, 0).unwrap();
    let mut below = 0;
    for row in &drawing.rows {
        assert!(row.top >= below, "rows lie over each other");
        below = row.top + row.height;
        for group in &row.groups {
            assert!((RUNNER..PROGRAM).contains(&group.x), "{}", group.x);
            assert!(group.y + 12 < row.height, "bytes reach into the next row");
        }
    }
    assert!(below <= drawing.height && drawing.width == WIDTH);
    for (from, to) in &drawing.alive {
        assert!(from < to && *to <= drawing.height);
    }
}

#[test]
fn the_program_s_line_ends_where_it_ended() {
    let drawing = Drawing::of(&reset(), 0).unwrap();
    let last = drawing.rows.last().unwrap();
    let [(from, to)] = drawing.alive[..] else { panic!("{:?}", drawing.alive) };
    assert!(from < drawing.rows[1].top && (last.top..last.top + last.height).contains(&to));
}

#[rstest]
#[case::whole(swapped(), &[1, 2, 0xbb, 0x9c], true, Some(2))]
#[case::another_message(swapped(), &[1, 2, 0xbb, 0x9d], true, None)]
#[case::last_piece(padded_in_pieces(), &[0; 12], false, Some(6))]
#[case::a_piece_is_not_the_whole(padded_in_pieces(), &[0; 12], true, None)]
#[case::first_piece(padded_in_pieces(), &[1, 4, 0, 0], false, None)]
#[case::nothing_came(silent(), &[1], false, None)]
fn the_wrong_byte_is_found_in_what_came(
    #[case] case: CaseRecord,
    #[case] bytes: &[u8],
    #[case] whole: bool,
    #[case] wrong: Option<usize>,
) {
    assert_eq!(wrong_byte(&case, bytes, whole), wrong);
}

/// Fields over columns, then each row: its cells (the wrong one in brackets), what is hidden, the columns left.
fn table(fault: &Fault) -> String {
    let Comparison { expected, table, came, note, meaning } = Comparison::from(sides(fault));
    let mut lines: Vec<String> = expected.into_iter().map(|words| format!("expected: {words}")).collect();
    if let Some(table) = table {
        let fields: Vec<_> = table.fields.iter().map(|(name, span)| format!("{name}:{span}")).collect();
        lines.push(format!("{} columns: {}", table.columns, fields.join(" ")));
        for row in &table.rows {
            let cell = |cell: &super::bytes::Cell| match cell.wrong {
                true => format!("({})", cell.text),
                false => cell.text.clone(),
            };
            let cells: Vec<_> = row.cells.iter().map(cell).collect();
            let (hidden, rest) = (row.hidden, row.rest(table.columns));
            lines.push(format!("{}: {} +{hidden} rest {rest}", row.name, cells.join(" ")));
        }
    }
    lines.extend(came.map(|words| format!("came: {words}")));
    lines.extend(note.map(|note| format!("note: {note}")));
    lines.extend(meaning.map(|meaning| format!("meaning: {meaning}")));
    lines.join("\n")
}

#[test]
fn sides_become_tables() {
    let faults = [
        Fault::WrongByte { expected: pattern("01 02 PP PP"), actual: vec![1, 3, 0x9c, 0xbb], offset: 1 },
        Fault::SurplusBytes { expected: pattern("01 02 PP PP"), actual: vec![1; 64] },
        Fault::EndedBeforeBytes {
            expected: pattern("01 04 ??*8"),
            actual: vec![1, 4, 0],
            by: EndedBy::EndOfFile,
        },
        Fault::BytesBeforeClose { actual: vec![1, 2, 0x9c, 0xbb] },
        Fault::BytesMissing {
            expected: pattern("01 02 PP PP"),
            actual: Vec::new(),
            waited: Duration::from_secs(5),
        },
        Fault::StillOpen { waited: Duration::from_secs(5) },
    ];
    insta::assert_snapshot!(faults.iter().map(table).collect::<Vec<_>>().join("\n\n"));
}

#[rstest]
#[case("plain", &[(false, "plain")])]
#[case("with `--help` and more", &[(false, "with "), (true, "--help"), (false, " and more")])]
fn backticks_are_code(#[case] text: &str, #[case] expected: &[(bool, &str)]) {
    assert_eq!(pieces(text).collect::<Vec<_>>(), expected);
}
