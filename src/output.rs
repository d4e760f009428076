//! The two streams of the terminal: what the documents ask for on standard output, diagnostics on standard error.
//!
//! Every line is written whole and at once. A test goes on when nobody reads a stream any more, so a failed write is
//! ignored. The report is the exception: it is the purpose of the program.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line (or several, whole) to standard output.
pub(crate) fn say(line: impl Display) {
    Voice::Out.say(line);
}

/// Writes a report to standard output. It is no error when the reader has closed the stream. It is one when the report
/// cannot be written for another reason, such as a full disk.
pub(crate) fn report(text: impl Display) -> io::Result<()> {
    match write_line(&mut io::stdout().lock(), text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Where the documents' lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Standard output, as the documents have it.
    Out,
    /// Standard error, since standard output holds one JSON document and nothing else.
    Err,
}

impl Voice {
    /// Writes one line.
    pub(crate) fn say(self, line: impl Display) {
        let _unread = match self {
            Self::Out => write_line(&mut io::stdout().lock(), line),
            Self::Err => write_line(&mut io::stderr().lock(), line),
        };
    }
}

/// Writes one live line, while a test runs, to standard error.
pub(crate) fn progress(line: impl Display) {
    Voice::Err.say(line);
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
