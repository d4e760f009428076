//! A ladder as lines. For the reports that are text.

use std::fmt;
use std::time::Duration;

use super::{Direction, Item, LadderEvent, items};
use crate::model::outcome::CaseRecord;
use crate::words::dialogue::Peer;

/// How many bytes a line shows at most.
const WRITTEN: usize = 10;

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since the case began.
    pub time: String,
    /// What happened.
    pub text: String,
    /// Whether this line is wrong.
    pub wrong: bool,
}

/// A wrong line has a mark before it, which needs no colours.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", if self.wrong { ">>" } else { "  " }, self.time, self.text)
    }
}

/// The lines of a case, at most `width` columns wide if possible.
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

/// The line of an event, at most `width` columns wide if possible.
pub fn line(event: &LadderEvent, width: usize) -> Line {
    let time = time(event.at);
    let text = text(event, width.saturating_sub(time.len()));
    Line { time, text, wrong: event.wrong }
}

/// The time at the beginning of a line.
pub fn time(at: Duration) -> String {
    format!("{:>8.3} s  ", at.as_secs_f64())
}

fn text(event: &LadderEvent, width: usize) -> String {
    let arrow = match event.direction {
        Direction::Message(Peer::Client) => "client --> server  ",
        Direction::Message(Peer::Server) => "client <-- server  ",
        Direction::Data => "client ==> server  ",
        _ => "",
    };
    let line = format!("{}{arrow}{}", event.on, event.words);
    let Some(message) = &event.message else { return line };
    let shown: Vec<_> = message.bytes.iter().take(WRITTEN).map(|byte| format!("{byte:02x}")).collect();
    let more = match message.length {
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
        // There is no room for two bytes and the dots.
        _ if room < 9 => line,
        bytes => format!("{line}  {} ...", bytes[..room - 4].rsplit_once(' ').map_or("", |(whole, _)| whole)),
    }
}
