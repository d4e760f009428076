//! The two streams of the terminal: what the documents ask for on standard output, diagnostics on standard error.
//!
//! Every line is written whole and at once. A stream that nobody reads any more is no reason to end a test, so that a
//! failed write is passed over.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line (or several, whole) to standard output.
pub(crate) fn say(line: impl Display) {
    let _unread = write_line(&mut io::stdout().lock(), line);
}

/// Writes one line to standard error, under the program's name.
pub(crate) fn diagnose(line: impl Display) {
    let _unread = write_line(&mut io::stderr().lock(), format_args!("tester: {line}"));
}

fn write_line(stream: &mut impl Write, line: impl Display) -> io::Result<()> {
    // One write, so that lines of the two threads never mix.
    stream.write_all(format!("{line}\n").as_bytes())?;
    stream.flush()
}
