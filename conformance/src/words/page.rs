//! Text for a terminal: styles, and paragraphs as wide as the terminal.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

/// Important text.
pub const BOLD: Style = Style::new().bold();
/// Less important text.
pub const DIM: Style = Style::new().dimmed();
/// What is right.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is not known.
pub const UNSURE: Style = AnsiColor::Yellow.on_default();

/// The width without a terminal, in columns.
pub const DEFAULT_WIDTH: usize = 100;

/// Longer lines are hard to read.
const WIDEST: usize = 120;

/// In less room the reports cannot be read. A terminal that reports less gets this width.
const NARROWEST: usize = 40;

/// The width of the terminal on standard output, in columns.
pub fn terminal_width() -> usize {
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    width.map_or(DEFAULT_WIDTH, |columns| columns.clamp(NARROWEST, WIDEST))
}

/// `text` in `style`.
pub fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A duration from an option, without needless digits: "45 s", "250 ms".
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{} s", (seconds * 100.0).round() / 100.0),
        seconds => format!("{:.0} ms", seconds * 1000.0),
    }
}

/// Words for a shell, in quotes only if they need them.
pub fn command_line<'w>(words: impl IntoIterator<Item = &'w String>) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,+@%".contains(letter);
    let quoted = |word: &'w String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => shell_words::quote(word).into_owned(),
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A text that grows line by line.
#[derive(Debug)]
pub struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of so many columns.
    pub fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// How wide it is, in columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A line as it is.
    pub fn line(&mut self, text: impl Display) {
        self.text.push_str(&text.to_string());
        self.text.push('\n');
    }

    /// An empty line, except at the beginning and after another one.
    pub fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph after `first`. Its other lines begin below its first word.
    pub fn wrapped(&mut self, first: &str, text: &str) {
        let indent = " ".repeat(textwrap::core::display_width(first));
        // The id of a case, or a command, must not be split at a hyphen.
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(&indent)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .break_words(false);
        let filled = textwrap::fill(text, options);
        self.line(filled);
    }

    /// A row of a table: `first`, `text` and `last`. If `last` does not fit, it is on a line of its own below the text.
    pub fn row(&mut self, first: &str, text: &str, last: &str) {
        let width = textwrap::core::display_width;
        if width(first) + width(text) + 2 + width(last) <= self.width {
            self.line(format!("{first}{text}  {last}"));
        } else {
            self.wrapped(first, text);
            self.wrapped(&" ".repeat(width(first)), last);
        }
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// "1 case", "3 cases".
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_hang_and_keep_to_the_width() {
        let mut page = Page::new(24);
        page.blank();
        page.wrapped("  * ", "one two three-and-four five six");
        page.blank();
        page.blank();
        page.row("    ", "left", "right");
        page.row("    ", "a left part that is long", "and a right part");
        insta::assert_snapshot!(page.into_text(), @r"
          * one two
            three-and-four five
            six

            left  right
            a left part that
            is long
            and a right part
        ");
    }

    #[test]
    fn words_are_quoted_if_they_must_be() {
        let words = ["--time=1", "", "two words", "a'b", "tester.py"].map(str::to_owned);
        let line = command_line(&words);
        assert_eq!(line, "--time=1 '' 'two words' 'a'\\''b' tester.py");
        assert_eq!(shell_words::split(&line).unwrap(), words);
    }

    #[test]
    fn colours_take_no_room() {
        let mut page = Page::new(12);
        page.wrapped("", &format!("{} two three", painted(BAD, "one")));
        assert_eq!(anstream::adapter::strip_str(&page.into_text()).to_string(), "one two\nthree\n");
    }
}
