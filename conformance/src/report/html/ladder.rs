//! A conversation drawn: the runner's lifeline on the left, the program's on the right, time running down, an arrow
//! for everything that went between them. Lengths are in units of the drawing, about a pixel each.

use std::time::Duration;

use super::bytes::wrong_byte;
use crate::model::outcome::CaseRecord;
use crate::words::dialogue::{Part, Speaker};
use crate::words::ladder::{
    Direction, Item, LadderEvent, MessageBytes, Participants, Side, items, lines, participants,
};
use crate::words::page::DEFAULT_WIDTH;

/// How wide the drawing is.
pub(super) const WIDTH: usize = 720;
/// Where the two lifelines are.
pub(super) const RUNNER: usize = 112;
pub(super) const PROGRAM: usize = 648;

/// Where the first item begins, below the names.
const TOP: usize = 54;
/// The height of a line of words, and of what stands below an arrow.
const LINE: usize = 17;
const BELOW: usize = 36;
/// The space between two items.
const GAP: usize = 9;
/// How many letters of the words stand on a line between the lifelines, and how many lines at most.
const LETTERS: usize = 74;
const LINES: usize = 3;
/// How wide a byte and a letter of a field's name are, and how far fields stand apart.
const BYTE: usize = 22;
const LETTER: usize = 6;
const APART: usize = 16;
/// No more bytes than fit between the lifelines.
const ROOM: usize = PROGRAM - RUNNER - 60;
/// How many bytes that are no field are drawn.
const UNNAMED: usize = 12;
/// A wait from this length on is drawn.
const PAUSE: Duration = Duration::from_secs(1);

/// A drawn conversation, ready for its template.
#[derive(Debug)]
pub(super) struct Drawing {
    /// Which case's: the page's name for it.
    pub(super) index: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) runner: usize,
    pub(super) program: usize,
    /// What the two sides are called below their names.
    pub(super) roles: Option<(&'static str, &'static str)>,
    /// The program's lifeline where it ran: from, to.
    pub(super) alive: Vec<(usize, usize)>,
    pub(super) rows: Vec<Row>,
    /// What it shows, in a sentence for those who do not see it.
    pub(super) description: String,
}

/// An item, laid out.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Where it begins, and how high it is.
    pub(super) top: usize,
    pub(super) height: usize,
    pub(super) time: Option<String>,
    pub(super) wrong: bool,
    pub(super) faint: bool,
    /// The words with their places from the item's top, and how they stand at `x`.
    pub(super) words: Vec<(usize, String)>,
    pub(super) x: usize,
    pub(super) anchor: &'static str,
    pub(super) arrow: Option<Arrow>,
    /// Something at one of the lifelines: where.
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
    /// From the item's top.
    pub(super) y: usize,
    /// Bytes, and whether they are wrong.
    pub(super) bytes: Vec<(String, bool)>,
    pub(super) field: Option<&'static str>,
}

impl Drawing {
    /// The conversation of a case; nothing where nothing happened.
    pub(super) fn of(case: &CaseRecord, index: usize) -> Option<Self> {
        let items = items(case);
        if items.is_empty() {
            return None;
        }
        let participants = participants(case);
        let mut sheet =
            Sheet { participants, rows: Vec::new(), y: TOP, last: Duration::ZERO, alive: Vec::new() };
        let (mut born, marked) = (None, marked(case, &items, participants));
        for (number, item) in items.iter().enumerate() {
            let begun = sheet.y;
            match item {
                Item::Event(event) => {
                    sheet.pause(event.at);
                    let mark = marked.filter(|(place, _)| *place == number).map(|(_, byte)| byte);
                    let row = sheet.event(event, mark);
                    match event.direction {
                        Direction::Start => born = Some(row),
                        Direction::End => sheet.alive.extend(born.take().map(|born| (born, row))),
                        _ => {}
                    }
                }
                Item::LeftOut(hidden) => sheet.aside(format!("\u{22ee} {hidden} more"), begun),
            }
        }
        let height = sheet.y + GAP;
        sheet.alive.extend(born.map(|born| (born, height)));
        let Sheet { rows, alive, .. } = sheet;
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

/// The item that holds the first wrong byte, and which byte of it: the one that is wrong, or where that is no
/// message (a port that is not open) the program's last message with these bytes.
fn marked(case: &CaseRecord, items: &[Item], participants: Participants) -> Option<(usize, usize)> {
    let byte = |item: &Item, whole: bool| match item {
        Item::Event(LadderEvent { direction: Direction::Message(speaker), said: Some(said), .. })
            if *speaker != participants.speaks =>
        {
            wrong_byte(case, &said.bytes, whole)
        }
        _ => None,
    };
    let wrong = items.iter().position(|item| matches!(item, Item::Event(event) if event.wrong));
    let in_place = wrong.and_then(|place| byte(&items[place], false).map(|byte| (place, byte)));
    in_place.or_else(|| {
        items.iter().enumerate().rev().find_map(|(place, item)| byte(item, true).map(|byte| (place, byte)))
    })
}

/// A drawing that grows downwards.
struct Sheet {
    participants: Participants,
    rows: Vec<Row>,
    y: usize,
    last: Duration,
    alive: Vec<(usize, usize)>,
}

impl Sheet {
    /// A remark of the drawing's own, in the middle.
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

    /// Time that passed without anything.
    fn pause(&mut self, at: Duration) {
        let passed = at.saturating_sub(self.last);
        if passed >= PAUSE && !self.rows.is_empty() {
            self.aside(format!("\u{22ee} {:.1} s pass", passed.as_secs_f64()), self.y);
        }
        self.last = at;
    }

    /// Draws an event, the byte at `mark` as wrong; where on the lifelines it happens.
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
        let mut happens = line;
        match self.arrow(event.direction, line) {
            Some(arrow) => row.arrow = Some(arrow),
            None => {
                let side =
                    if event.direction == Direction::At(Side::Runner) { Side::Runner } else { Side::Program };
                happens = LINE - 7;
                (row.x, row.anchor) = match side {
                    Side::Runner => (RUNNER + 14, "start"),
                    Side::Program => (PROGRAM - 14, "end"),
                };
                row.dot = Some((if side == Side::Runner { RUNNER } else { PROGRAM }, happens));
                row.height = below_words + GAP;
            }
        }
        if let Some(said) = &event.said {
            row.groups = groups(said, line + 16, mark);
            row.height = line + BELOW + GAP;
        }
        let place = row.top + happens;
        self.push(row);
        place
    }

    fn arrow(&self, direction: Direction, y: usize) -> Option<Arrow> {
        let from_runner = |speaker: Speaker| speaker == self.participants.speaks;
        // Data comes from the client, whoever plays it.
        let (rightwards, class) = match direction {
            Direction::Message(speaker) => (from_runner(speaker), "message"),
            Direction::Data => (from_runner(Speaker::Client), "data"),
            Direction::Connect(side) => (side == Side::Runner, "connect"),
            Direction::Close { by, reset: false } => (by == Side::Runner, "close"),
            Direction::Close { by, reset: true } => (by == Side::Runner, "reset"),
            Direction::Signal => (true, "connect"),
            Direction::Absent => (false, "absent"),
            Direction::Start | Direction::End | Direction::At(_) => return None,
        };
        let (from, to, inwards) = if rightwards { (RUNNER, PROGRAM, "-") } else { (PROGRAM, RUNNER, "") };
        // Bars and crosses stand a little before the lifeline that they would be lost in.
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

/// The words on as many lines as they need, all about as long; the last one cut where they are too many.
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
fn groups(said: &MessageBytes, y: usize, wrong: Option<usize>) -> Vec<Group> {
    let mut groups: Vec<(usize, Group)> = Vec::new();
    let (mut at, mut used) = (0, 0);
    for Part { field, length } in &said.parts {
        let shown = if field.is_none() { (*length).min(UNNAMED) } else { *length };
        let width = (shown * BYTE).max(field.map_or(0, |name| name.len() * LETTER));
        if used + width > ROOM {
            break;
        }
        let end = at + shown;
        let bytes = said.bytes.get(at..end).unwrap_or_default();
        let runs =
            bytes.iter().enumerate().map(|(index, byte)| (format!("{byte:02x}"), wrong == Some(at + index)));
        groups.push((width, Group { x: 0, y, bytes: joined(runs), field: *field }));
        at = end;
        used += width + APART;
        if shown < *length {
            break;
        }
    }
    if at < said.length {
        let rest = format!("\u{2026} {} bytes", said.length);
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

/// Bytes that are alike as one text.
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
