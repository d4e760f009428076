//! Values as Python writes them. For the script's list and settings.

/// A text as a string literal. Python reads JSON's, escapes and all, as the same text.
pub(super) fn string(text: &str) -> String {
    // A text always has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}

/// Texts as a list.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(string).collect();
    format!("[{}]", texts.join(", "))
}

/// Text within a docstring: nothing of it ends the string or escapes from it.
pub(super) fn within_docstring(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "'")
}
