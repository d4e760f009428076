//! A ladder as lines, one for everything that happened. For the reports that are text.

use std::fmt;
use std::time::Duration;

use super::{Direction, Item, LadderEvent, items};
use crate::model::outcome::CaseRecord;
use crate::words::dialogue::Speaker;

/// How many bytes of one line are written out at most.
const WRITTEN: usize = 10;

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since the case began.
    pub time: String,
    /// What happened.
    pub text: String,
    /// Whether it is this that is wrong.
    pub wrong: bool,
}

/// What is wrong is marked before the line, so that it can be seen without colours.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", if self.wrong { ">>" } else { "  " }, self.time, self.text)
    }
}

/// One line for everything that happened in a case; they keep to `width` columns where they can.
pub fn lines(case: &CaseRecord, width: usize) -> Vec<Line> {
    let written = |item| match item {
        Item::Event(event) => line(&event, width),
        Item::LeftOut(hidden) => {
            let time = " ".repeat(time(Duration::ZERO).len());
            Line { time, text: format!("... {hidden} lines left out ..."), wrong: false }
        }
    };
    items(case).into_iter().map(written).collect()
}

/// The line of something that happened, `width` columns wide where it can be.
pub fn line(event: &LadderEvent, width: usize) -> Line {
    let time = time(event.at);
    let text = text(event, width.saturating_sub(time.len()));
    Line { time, text, wrong: event.wrong }
}

/// The time of a line, as it stands before it.
pub fn time(at: Duration) -> String {
    format!("{:>8.3} s  ", at.as_secs_f64())
}

fn text(event: &LadderEvent, width: usize) -> String {
    let arrow = match event.direction {
        Direction::Message(Speaker::Client) => "client --> server  ",
        Direction::Message(Speaker::Server) => "client <-- server  ",
        Direction::Data => "client ==> server  ",
        _ => "",
    };
    let line = format!("{}{arrow}{}", event.on, event.words);
    let Some(said) = &event.said else { return line };
    let shown: Vec<_> = said.bytes.iter().take(WRITTEN).map(|byte| format!("{byte:02x}")).collect();
    let more = match said.length {
        length if length > WRITTEN => format!(" ... ({length} bytes)"),
        _ => String::new(),
    };
    with_bytes(line, &format!("{}{more}", shown.join(" ")), width)
}

fn with_bytes(line: String, bytes: &str, width: usize) -> String {
    let room = width.saturating_sub(line.chars().count() + 2);
    match bytes {
        "" => line,
        bytes if bytes.len() <= room => format!("{line}  {bytes}"),
        // Less than two bytes and the dots say nothing.
        _ if room < 9 => line,
        bytes => format!("{line}  {} ...", bytes[..room - 4].rsplit_once(' ').map_or("", |(whole, _)| whole)),
    }
}
