//! The drawing of a conversation: the runner's lifeline on the left, the program's on the right, time from top to bottom,
//! an arrow for everything between them. A length of 1 is about a pixel.

use std::time::Duration;

use super::bytes::wrong_byte;
use crate::model::outcome::CaseRecord;
use crate::words::dialogue::{Part, Peer};
use crate::words::ladder::{
    Direction, Item, LadderEvent, MessageBytes, Participants, Side, items, lines, participants,
};
use crate::words::page::DEFAULT_WIDTH;

/// How wide the drawing is.
pub(super) const WIDTH: usize = 720;
/// The positions of the two lifelines.
pub(super) const RUNNER: usize = 112;
pub(super) const PROGRAM: usize = 648;

/// The top of the first item, below the names.
const TOP: usize = 54;
/// The height of a line of words, and of the bytes below an arrow.
const LINE: usize = 17;
const BELOW: usize = 36;
/// The space between two items.
const GAP: usize = 9;
/// The number of letters on a line between the lifelines, and of lines at most.
const LETTERS: usize = 74;
const LINES: usize = 3;
/// The width of a byte, of a letter in the name of a field, and of the space between two fields.
const BYTE: usize = 22;
const LETTER: usize = 6;
const APART: usize = 16;
/// The width for bytes between the lifelines.
const ROOM: usize = PROGRAM - RUNNER - 60;
/// How many bytes without a field are drawn.
const UNNAMED: usize = 12;
/// A wait from this length on is drawn.
const PAUSE: Duration = Duration::from_secs(1);

/// A drawn conversation, ready for its template.
#[derive(Debug)]
pub(super) struct Drawing {
    /// The number of the case in the report.
    pub(super) index: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) runner: usize,
    pub(super) program: usize,
    /// The roles of the two sides, below their names.
    pub(super) roles: Option<(&'static str, &'static str)>,
    /// The parts of the program's lifeline where it ran: from, to.
    pub(super) alive: Vec<(usize, usize)>,
    pub(super) rows: Vec<Row>,
    /// What it shows, for readers who do not see it.
    pub(super) description: String,
}

/// An item with its positions.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its top and its height.
    pub(super) top: usize,
    pub(super) height: usize,
    pub(super) time: Option<String>,
    pub(super) wrong: bool,
    pub(super) faint: bool,
    /// The lines of words, each with its distance from the item's top, and their alignment at `x`.
    pub(super) words: Vec<(usize, String)>,
    pub(super) x: usize,
    pub(super) anchor: &'static str,
    pub(super) arrow: Option<Arrow>,
    /// The position of a dot on one of the lifelines.
    pub(super) dot: Option<(usize, usize)>,
    pub(super) groups: Vec<Group>,
}

/// An arrow, as the path of its line and of its head.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) line: String,
    pub(super) head: String,
    /// A class of the style sheet.
    pub(super) class: &'static str,
}

/// The bytes of one field below an arrow.
#[derive(Debug)]
pub(super) struct Group {
    /// The middle.
    pub(super) x: usize,
    /// The distance from the item's top.
    pub(super) y: usize,
    /// Bytes, each text with whether it is wrong.
    pub(super) bytes: Vec<(String, bool)>,
    pub(super) field: Option<&'static str>,
}

impl Drawing {
    /// The conversation of a case; `None` if nothing happened.
    pub(super) fn of(case: &CaseRecord, index: usize) -> Option<Self> {
        let items = items(case);
        if items.is_empty() {
            return None;
        }
        let participants = participants(case);
        let mut canvas =
            Canvas { participants, rows: Vec::new(), y: TOP, last: Duration::ZERO, alive: Vec::new() };
        let (mut started, marked) = (None, marked(case, &items, participants));
        for (number, item) in items.iter().enumerate() {
            let begun = canvas.y;
            match item {
                Item::Event(event) => {
                    canvas.pause(event.at);
                    let mark = marked.filter(|(place, _)| *place == number).map(|(_, byte)| byte);
                    let row = canvas.event(event, mark);
                    match event.direction {
                        Direction::Start => started = Some(row),
                        Direction::End => canvas.alive.extend(started.take().map(|started| (started, row))),
                        _ => {}
                    }
                }
                Item::LeftOut(hidden) => canvas.aside(format!("\u{22ee} {hidden} more"), begun),
            }
        }
        let height = canvas.y + GAP;
        canvas.alive.extend(started.map(|started| (started, height)));
        let Canvas { rows, alive, .. } = canvas;
        Some(Self {
            index,
            height,
            width: WIDTH,
            runner: RUNNER,
            program: PROGRAM,
            roles: ["client", "server"]
                .contains(&participants.program)
                .then_some((participants.runner, participants.program)),
            alive,
            rows,
            description: description(case, items.len()),
        })
    }
}

fn description(case: &CaseRecord, count: usize) -> String {
    let wrong = lines(case, DEFAULT_WIDTH).into_iter().find(|line| line.wrong);
    match wrong {
        Some(line) => format!("{count} steps. What is wrong: {}{}", line.time.trim_start(), line.text),
        None => format!("{count} steps."),
    }
}

/// The item with the first wrong byte, and the index of the byte. It is the wrong item, or if that is no message (a port
/// that is not open), the program's last message with these bytes.
fn marked(case: &CaseRecord, items: &[Item], participants: Participants) -> Option<(usize, usize)> {
    let byte =
        |item: &Item, whole: bool| match item {
            Item::Event(LadderEvent {
                direction: Direction::Message(from), message: Some(message), ..
            }) if *from != participants.runner_is => wrong_byte(case, &message.bytes, whole),
            _ => None,
        };
    let wrong = items.iter().position(|item| matches!(item, Item::Event(event) if event.wrong));
    let in_place = wrong.and_then(|place| byte(&items[place], false).map(|byte| (place, byte)));
    in_place.or_else(|| {
        items.iter().enumerate().rev().find_map(|(place, item)| byte(item, true).map(|byte| (place, byte)))
    })
}

/// A drawing, to which items are added from top to bottom.
struct Canvas {
    participants: Participants,
    rows: Vec<Row>,
    y: usize,
    last: Duration,
    alive: Vec<(usize, usize)>,
}

impl Canvas {
    /// A remark in the middle, which is no event.
    fn aside(&mut self, text: String, top: usize) {
        let row = Row {
            top,
            height: LINE + GAP,
            faint: true,
            words: vec![(LINE, text)],
            x: (RUNNER + PROGRAM) / 2,
            anchor: "middle",
            ..Row::default()
        };
        self.push(row);
    }

    fn push(&mut self, row: Row) {
        self.y = row.top + row.height;
        self.rows.push(row);
    }

    /// A remark about a long time without an event.
    fn pause(&mut self, at: Duration) {
        let passed = at.saturating_sub(self.last);
        if passed >= PAUSE && !self.rows.is_empty() {
            self.aside(format!("\u{22ee} {:.1} s pass", passed.as_secs_f64()), self.y);
        }
        self.last = at;
    }

    /// Draws an event, with the byte at `mark` as wrong. Returns its height on the lifelines.
    fn event(&mut self, event: &LadderEvent, mark: Option<usize>) -> usize {
        let sign = if event.wrong { "\u{2717} " } else { "" };
        let lines = wrapped(&format!("{sign}{}{}", event.on, event.words));
        let below_words = lines.len() * LINE;
        let line = below_words + 8;
        let mut row = Row {
            top: self.y,
            time: Some(format!("{:.3}", event.at.as_secs_f64())),
            wrong: event.wrong,
            words: (1..).zip(lines).map(|(number, text)| (number * LINE - 2, text)).collect(),
            x: (RUNNER + PROGRAM) / 2,
            anchor: "middle",
            height: line + GAP,
            ..Row::default()
        };
        let mut y = line;
        match self.arrow(event.direction, line) {
            Some(arrow) => row.arrow = Some(arrow),
            None => {
                let side =
                    if event.direction == Direction::At(Side::Runner) { Side::Runner } else { Side::Program };
                y = LINE - 7;
                (row.x, row.anchor) = match side {
                    Side::Runner => (RUNNER + 14, "start"),
                    Side::Program => (PROGRAM - 14, "end"),
                };
                row.dot = Some((if side == Side::Runner { RUNNER } else { PROGRAM }, y));
                row.height = below_words + GAP;
            }
        }
        if let Some(message) = &event.message {
            row.groups = groups(message, line + 16, mark);
            row.height = line + BELOW + GAP;
        }
        let y = row.top + y;
        self.push(row);
        y
    }

    fn arrow(&self, direction: Direction, y: usize) -> Option<Arrow> {
        let from_runner = |peer: Peer| peer == self.participants.runner_is;
        // Data always comes from the client.
        let (rightwards, class) = match direction {
            Direction::Message(peer) => (from_runner(peer), "message"),
            Direction::Data => (from_runner(Peer::Client), "data"),
            Direction::Connect(side) => (side == Side::Runner, "connect"),
            Direction::Close { by, reset: false } => (by == Side::Runner, "close"),
            Direction::Close { by, reset: true } => (by == Side::Runner, "reset"),
            Direction::Signal => (true, "connect"),
            Direction::Absent => (false, "absent"),
            Direction::Start | Direction::End | Direction::At(_) => return None,
        };
        let (from, to, inwards) = if rightwards { (RUNNER, PROGRAM, "-") } else { (PROGRAM, RUNNER, "") };
        // Bars and crosses are a little before the lifeline, where they can be seen.
        let before = if rightwards { to - 10 } else { to + 10 };
        let middle = (RUNNER + PROGRAM) / 2;
        let (end, head) = match direction {
            Direction::Close { reset: false, .. } => (before, format!("M{before} {}v14", y - 7)),
            Direction::Close { reset: true, .. } => (before, cross(before, y)),
            Direction::Absent => (middle, cross(middle, y)),
            _ => (to, format!("M{to} {y}l{inwards}10 -5v10z")),
        };
        Some(Arrow { line: format!("M{from} {y}H{end}"), head, class })
    }
}

fn cross(x: usize, y: usize) -> String {
    format!("M{} {}l12 12m0 -12l-12 12", x - 6, y - 6)
}

/// The words on as many lines as they need, of about equal length. The last line is cut if there are too many.
fn wrapped(words: &str) -> Vec<String> {
    let wrap = |letters| -> Vec<String> {
        textwrap::wrap(words, letters).into_iter().map(std::borrow::Cow::into_owned).collect()
    };
    let mut lines = wrap(LETTERS);
    let balanced = wrap(LETTERS.min(words.chars().count() / lines.len().max(1) + 8));
    if balanced.len() == lines.len() {
        lines = balanced;
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push_str(" \u{2026}");
        }
    }
    lines
}

/// The bytes of a message by field, side by side in the middle.
fn groups(message: &MessageBytes, y: usize, wrong: Option<usize>) -> Vec<Group> {
    let mut groups: Vec<(usize, Group)> = Vec::new();
    let (mut at, mut used) = (0, 0);
    for Part { field, length } in &message.parts {
        let shown = if field.is_none() { (*length).min(UNNAMED) } else { *length };
        let width = (shown * BYTE).max(field.map_or(0, |name| name.len() * LETTER));
        if used + width > ROOM {
            break;
        }
        let end = at + shown;
        let bytes = message.bytes.get(at..end).unwrap_or_default();
        let runs =
            bytes.iter().enumerate().map(|(index, byte)| (format!("{byte:02x}"), wrong == Some(at + index)));
        groups.push((width, Group { x: 0, y, bytes: joined(runs), field: *field }));
        at = end;
        used += width + APART;
        if shown < *length {
            break;
        }
    }
    if at < message.length {
        let rest = format!("\u{2026} {} bytes", message.length);
        groups.push((90, Group { x: 0, y, bytes: vec![(rest, false)], field: None }));
    }
    let all: usize = groups.iter().map(|(width, _)| width + APART).sum();
    let mut x = ((RUNNER + PROGRAM) / 2).saturating_sub((all.saturating_sub(APART)) / 2);
    for (width, group) in &mut groups {
        group.x = x + *width / 2;
        x += *width + APART;
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Neighbours that are both wrong, or both right, become one text.
fn joined(bytes: impl Iterator<Item = (String, bool)>) -> Vec<(String, bool)> {
    let mut texts: Vec<(String, bool)> = Vec::new();
    for (byte, wrong) in bytes {
        match texts.last_mut() {
            Some((text, known)) if *known == wrong => {
                text.push(' ');
                text.push_str(&byte);
            }
            _ => texts.push((byte, wrong)),
        }
    }
    texts
}
