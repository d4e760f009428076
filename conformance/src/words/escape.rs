//! Makes text of a target harmless. It must not control a terminal, nor end a string, an element or a line of a report.

use std::fmt::Write;

use serde::Serialize;

/// The text on one line. What is not printable becomes `\n`, `\u{1b}` and so on; a tab becomes a space.
pub fn line(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => harmless.push(' '),
            letter if is_hostile(letter) => harmless.extend(letter.escape_default()),
            letter => harmless.push(letter),
        }
    }
    harmless
}

/// The lines of the text, each as [`line()`] makes it and without spaces at its end.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|text| line(text.trim_end()))
}

/// The value as JSON. What could control a terminal, or be a tag in an HTML page, becomes `\uXXXX`. For a reader of JSON
/// the text is the same.
pub fn json(value: &impl Serialize, indented: bool) -> serde_json::Result<String> {
    let plain = if indented { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }?;
    let mut harmless = String::with_capacity(plain.len());
    for letter in plain.chars() {
        // None of these is a sign of JSON itself, and a line end is already escaped in a string.
        let escaped = matches!(letter, '<' | '>' | '&') || (letter != '\n' && is_hostile(letter));
        if !escaped {
            harmless.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(harmless, "\\u{unit:04x}");
        }
    }
    Ok(harmless)
}

/// Text for an HTML page, or a Markdown page with HTML: it begins no element and no entity.
pub fn html(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => harmless.push_str("&amp;"),
            '<' => harmless.push_str("&lt;"),
            '>' => harmless.push_str("&gt;"),
            '"' => harmless.push_str("&quot;"),
            '\'' => harmless.push_str("&#39;"),
            letter => harmless.push(letter),
        }
    }
    harmless
}

/// The escaper of the templates: [`line()`], then [`html()`].
#[derive(Clone, Copy, Debug)]
pub struct Harmless;

impl askama::filters::Escaper for Harmless {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> std::fmt::Result {
        out.write_str(&html(&line(text)))
    }
}

/// Control characters (C0, DEL, C1), line and paragraph separators, marks that change the direction of writing,
/// invisible characters, tags and noncharacters.
fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
        || u32::from(letter) & 0xfffe == 0xfffe
        || matches!(letter, '\u{fdd0}'..='\u{fdef}')
}
