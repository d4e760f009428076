//! Standard output, line by line. It serves everything that prints.

use std::io::Write;

/// Prints one line and flushes it. A closed output is no reason to fail a test, so its error is dropped.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
