//! Values in Python's syntax.

/// A text as a string literal. A JSON string is the same text in Python.
pub(super) fn string(text: &str) -> String {
    // Every text can be written as JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// Texts as a list.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(string).collect();
    format!("[{}]", texts.join(", "))
}

/// Text for a docstring, which it cannot end.
pub(super) fn within_docstring(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "'")
}
