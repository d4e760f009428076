//! Standard output, line by line. Serves everything that prints.

use std::io::Write;

/// Prints one line and flushes it. A closed output does not fail a test, so its error is ignored.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
