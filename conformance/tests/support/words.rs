//! A report as its words.

/// A report's words with one space between them: where its lines break depends on how long the target's path is.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
