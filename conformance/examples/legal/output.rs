//! Every line that the program prints, in the form of the variants. Serves everything that prints.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::{Mutex, Once},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{cli::Mode, ended::Ended, variants::on};

/// Only one thread prints at a time. Holds the log file, once it is open.
static TURN: Mutex<Option<File>> = Mutex::new(None);

/// Output that is not flushed yet, if standard output is fully buffered.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// How often a buffered output is flushed.
const FLUSHED_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// The status of a usage error: EX_USAGE, or 2 as with argparse and clap.
pub(crate) fn status_of_usage() -> u8 {
    if on("errors-64-to-78") { 64 } else { 2 }
}

/// A line of the data thread.
pub(crate) fn data_thread(event: &str) {
    if on("data-lines-late") {
        thread::sleep(Duration::from_millis(100));
    }
    let stream = if on("data-lines-on-stderr") { Stream::Err } else { Stream::Out };
    print(stream, "INFO", &format!("Data thread {event}"));
}

/// The line at an interrupt.
pub(crate) fn exiting(mode: Mode) {
    let stream = if on("exit-line-on-stderr") { Stream::Err } else { Stream::Out };
    let who = if mode == Mode::Client { "Client" } else { "Server" };
    print(stream, "INFO", &format!("Exiting {who}"));
    flush();
}

/// `--help` and `--version`.
pub(crate) fn about(text: &str) {
    write(if on("help-on-stderr") { Stream::Err } else { Stream::Out }, text);
}

/// A result.
pub(crate) fn figure(line: &str) {
    let stream = if on("figures-on-stderr") { Stream::Err } else { Stream::Out };
    write(stream, line);
}

/// Any other information.
pub(crate) fn note(line: &str) {
    write(Stream::Out, line);
}

/// What happens besides the results, for the variant `verbose`.
pub(crate) fn chatter(line: &str) {
    if on("verbose") {
        print(Stream::Out, "DEBUG", line);
    }
}

/// What went wrong, in the form in which other languages print an error.
pub(crate) fn failed(ended: &Ended) {
    let reason = ended.to_string();
    complain(&match () {
        () if on("errors-in-python") => format!("{}: [Errno 104] {reason}", ended.as_in_python()),
        () if on("errors-in-java") => format!("{}: {reason}", ended.as_in_java()),
        () if on("errors-in-go") => format!("{} tester: tcp 5678: {reason}", stamp()),
        () => format!("Error: {reason}"),
    });
}

/// What went wrong.
pub(crate) fn complain(line: &str) {
    let stream = if on("errors-on-stdout") { Stream::Out } else { Stream::Err };
    print(stream, "ERROR", line);
}

/// Prints a line with its prefix.
fn print(stream: Stream, level: &str, line: &str) {
    let line = match () {
        () if on("lines-stamped") => format!("{} {level:<5} {line}", stamp()),
        () if on("lines-upper") => line.to_uppercase(),
        () if on("lines-json") => format!("{{\"level\": \"{level}\", \"message\": \"{line}\"}}"),
        () if on("lines-framed") => format!("*** [Thread-1] {line} ***"),
        () => line.to_owned(),
    };
    write(stream, &line);
}

/// The time of day in the form of loggers.
fn stamp() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs() % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("2016-10-27 {hours:02}:{minutes:02}:{:02},{:03}", seconds % 60, now.subsec_millis())
}

/// Writes one line and flushes it. A closed output does not fail a test, so its error is ignored.
fn write(stream: Stream, line: &str) {
    let Ok(mut log) = TURN.lock() else { return };
    if on("log-file") {
        if log.is_none() {
            *log = OpenOptions::new().create(true).append(true).open("tester.log").ok();
        }
        if let Some(file) = log.as_mut() {
            let _ = writeln!(file, "{} {line}", stamp());
        }
    }
    let end = if on("lines-crlf") { "\r\n" } else { "\n" };
    let _ = match stream {
        Stream::Out if on("stdout-buffered") => keep(line, end),
        Stream::Out => put(&mut io::stdout().lock(), line, end),
        Stream::Err => put(&mut io::stderr().lock(), line, end),
    };
}

/// Keeps a line until the next flush.
fn keep(line: &str, end: &str) -> io::Result<()> {
    static FLUSHER: Once = Once::new();
    FLUSHER.call_once(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(FLUSHED_EVERY);
                flush();
            }
        });
    });
    if let Ok(mut buffer) = BUFFER.lock() {
        put(&mut *buffer, line, end)?;
    }
    Ok(())
}

/// Writes the buffer. Call it at every end of the program.
pub(crate) fn flush() {
    if let Ok(mut buffer) = BUFFER.lock()
        && !buffer.is_empty()
    {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&buffer).and_then(|()| stdout.flush());
        buffer.clear();
    }
}

fn put(stream: &mut impl Write, line: &str, end: &str) -> io::Result<()> {
    if on("lines-in-pieces") {
        // print() without a buffer: a write for each word, and one for the end of the line.
        for word in line.split_inclusive(' ') {
            stream.write_all(word.as_bytes())?;
            stream.flush()?;
        }
    } else {
        stream.write_all(line.as_bytes())?;
    }
    stream.write_all(end.as_bytes())?;
    stream.flush()
}
