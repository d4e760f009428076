//! The steps of a conversation as they stand in a fixture: one line of keys for each, written as TOML. What is explored
//! is read by the same reader as the files of fixtures/, so a find can be kept as one. Pure.

use std::fmt::Write;
use std::ops::Range;

use crate::model::case::{Role, TestType};

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A number.
    Number(usize),
    /// `true`
    Set,
    /// The steps of a `repeat`.
    Steps(Vec<Line>),
}

impl Value {
    fn to_toml(&self) -> String {
        let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
        match self {
            Self::Text(text) => quoted(text),
            Self::Texts(texts) => format!("[{}]", texts.iter().map(quoted).collect::<Vec<_>>().join(", ")),
            Self::Number(number) => number.to_string(),
            Self::Set => "true".to_owned(),
            Self::Steps(steps) => {
                let inline = |step: &Line| {
                    let keys = step.0.iter().map(|(key, value)| format!("{key} = {}", value.to_toml()));
                    format!("\n    {{ {} }},", keys.collect::<Vec<_>>().join(", "))
                };
                format!("[{}\n]", steps.iter().map(inline).collect::<String>())
            }
        }
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// One step: its key first, then those beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Vec<(&'static str, Value)>);

impl Line {
    /// A step of this kind.
    pub fn new(key: &'static str, value: impl Into<Value>) -> Self {
        Self(vec![(key, value.into())])
    }

    /// A step whose key has no value of its own.
    pub fn set(key: &'static str) -> Self {
        Self(vec![(key, Value::Set)])
    }

    /// With a key beside it.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// On this connection.
    pub fn on(self, name: &str) -> Self {
        self.with("on", name)
    }

    /// Charged to `id`, and to `content` if its bytes are wrong.
    pub fn charged(self, id: &str, content: &str) -> Self {
        let line = self.with("requirement", id);
        if content == id { line } else { line.with("content", content) }
    }

    /// The requirement that it is charged to.
    pub fn requirement(&self) -> Option<&str> {
        self.text("requirement")
    }

    /// Whether it starts the tester.
    pub fn is_start(&self) -> bool {
        self.0.first().is_some_and(|(key, _)| *key == "start")
    }

    /// What it needs beside the loopback of IPv4.
    pub fn needs(&self) -> Option<&'static str> {
        match (self.text("to"), self.text("from")) {
            (Some("ipv6"), _) => Some("ipv6"),
            (Some(_), _) | (_, Some(_)) => Some("namespace"),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find_map(|(name, value)| match value {
            Value::Text(text) if *name == key => Some(text.as_str()),
            _ => None,
        })
    }

    fn write(&self, into: &mut String) {
        let width = self.0.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        into.push_str("\n[[step]]\n");
        for (key, value) in &self.0 {
            // Writing to a String never fails.
            let _ = writeln!(into, "{key:width$} = {}", value.to_toml());
        }
    }
}

/// Bytes as a fixture writes them; a bar after each segment but the last.
pub fn hex(segments: &[&[u8]]) -> String {
    let run = |bytes: &[u8]| {
        let mut tokens: Vec<String> = Vec::new();
        for group in bytes.chunk_by(|left, right| left == right) {
            match group {
                [] => {}
                [byte, ..] if group.len() > 4 => tokens.push(format!("{byte:02x}*{}", group.len())),
                _ => tokens.extend(group.iter().map(|byte| format!("{byte:02x}"))),
            }
        }
        tokens.join(" ")
    };
    segments.iter().map(|bytes| run(bytes)).collect::<Vec<_>>().join(" | ")
}

/// The protocol of a test's data, as the key `over` takes it.
pub fn over(test: TestType) -> &'static str {
    match test {
        TestType::TcpStream | TestType::TcpRr => "tcp",
        TestType::UdpStream | TestType::UdpRr => "udp",
    }
}

/// The head of a fixture.
#[derive(Clone, Debug)]
pub struct Head {
    /// The id of its case.
    pub id: String,
    /// Lines of comment above all.
    pub comment: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// What the case is evidence for; if this is empty, all that a step is charged to.
    pub requirements: Vec<String>,
    /// What the target is started as.
    pub role: Role,
    /// Its arguments, if they are not the role's default.
    pub args: Option<Vec<String>>,
    /// The client's `--time` in seconds.
    pub time: Option<u64>,
    /// What the runner's own test port does.
    pub data: Option<&'static str>,
    /// Whether it needs a network of its own.
    pub needs: Vec<&'static str>,
}

/// A fixture's text, and the lines (counted from 1) of each block of steps.
pub fn write(head: &Head, blocks: &[&[Line]]) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    for line in &head.comment {
        let _ = writeln!(text, "# {line}");
    }
    let list = |texts: &[String]| Value::Texts(texts.to_vec()).to_toml();
    let _ = writeln!(text, "summary      = {}", Value::Text(head.summary.clone()).to_toml());
    let _ = writeln!(text, "requirements = {}", list(&head.requirements));
    let _ = writeln!(text, "target       = \"{}\"", head.role);
    if let Some(args) = &head.args {
        let _ = writeln!(text, "args         = {}", list(args));
    }
    if let Some(time) = head.time {
        let _ = writeln!(text, "time         = \"{time}s\"");
    }
    if let Some(data) = head.data {
        let _ = writeln!(text, "data         = \"{data}\"");
    }
    if !head.needs.is_empty() {
        let needs: Vec<String> = head.needs.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "needs        = {}", list(&needs));
    }
    let mut line = text.lines().count();
    let mut ranges = Vec::with_capacity(blocks.len());
    for block in blocks {
        let first = line + 1;
        let mut written = String::new();
        block.iter().for_each(|step| step.write(&mut written));
        line += written.lines().count();
        text.push_str(&written);
        ranges.push(first..line + 1);
    }
    (text, ranges)
}
