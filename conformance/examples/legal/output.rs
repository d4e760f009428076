//! Every line that the program prints, in the dress that the variants give it. It serves everything that prints.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::Mutex,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{cli::Mode, variants::on};

/// One line at a time, whichever thread prints it; and the log file, once it is open.
static TURN: Mutex<Option<File>> = Mutex::new(None);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// The usage error's status: EX_USAGE, or what argparse and clap take.
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
}

/// A result.
pub(crate) fn figure(line: &str) {
    let stream = if on("figures-on-stderr") { Stream::Err } else { Stream::Out };
    write(stream, line);
}

/// Anything else that a person may want to know.
pub(crate) fn note(line: &str) {
    write(Stream::Out, line);
}

/// What happens beside the results, for who asked to see it.
pub(crate) fn chatter(line: &str) {
    if on("verbose") {
        print(Stream::Out, "DEBUG", line);
    }
}

/// What went wrong.
pub(crate) fn complain(line: &str) {
    let stream = if on("errors-on-stdout") { Stream::Out } else { Stream::Err };
    print(stream, "ERROR", line);
}

/// A line with what stands before it.
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

/// The time of day as loggers write it.
fn stamp() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs() % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("2016-10-27 {hours:02}:{minutes:02}:{:02},{:03}", seconds % 60, now.subsec_millis())
}

/// Writes one line and flushes it. A closed output is no reason to fail a test, so its error is dropped.
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
        Stream::Out => put(&mut io::stdout().lock(), line, end),
        Stream::Err => put(&mut io::stderr().lock(), line, end),
    };
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
