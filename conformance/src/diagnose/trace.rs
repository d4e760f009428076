//! The error in a stack trace, and the line of the program that raised it.

use regex::Regex;

use crate::words::trace;

/// The error of a stack trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// The error, such as "ValueError: bad version".
    pub(super) line: String,
    /// The innermost line of the program itself, such as "tester.py:42". Frames of libraries do not count.
    pub(super) place: Option<String>,
}

/// How each runtime writes the file and the line of a frame.
const FRAMES: [(&str, &str); 8] = [
    ("Python", r#"File "([^"]+)", line (\d+)"#),
    ("Rust", r"panicked at (?:.*, )?(\S+\.rs):(\d+)"),
    ("Go", r"(\S+\.go):(\d+)"),
    ("Java", r"([\w$.]+\(\w+\.(?:java|kt|scala)):(\d+)\)"),
    ("Node", r"([^\s(]+\.[cm]?[jt]s):(\d+):\d+"),
    (".NET", r" in (\S+\.cs):line (\d+)"),
    ("Ruby", r"(\S+\.rb):(\d+):in"),
    ("Perl", r" at (\S+) line (\d+)"),
];

/// Parts of the names of files and classes that belong to a runtime or a library.
const LIBRARIES: [&str; 14] = [
    "/lib/python",
    "/lib64/python",
    "site-packages",
    "dist-packages",
    "<frozen",
    "<string>",
    "/rustc/",
    "/go/src/",
    "/ruby/",
    "/gems/",
    "node:",
    "java.",
    "jdk.",
    "sun.",
];

impl Trace {
    /// The error's name without its message. So the same error with another value has the same name.
    pub(super) fn kind(&self) -> String {
        let name = self.line.split(':').next().unwrap_or(&self.line);
        name.split_whitespace()
            .filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The last stack trace in `output`.
pub(super) fn find(output: &str) -> Option<Trace> {
    let (runtime, first) = trace::find(output)?;
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    let start = lines.iter().rposition(|line| line.contains(&first))?;
    let rest = &lines[start + 1..];
    // The error of a Python trace stands after its frames, and is not indented.
    let after_frames = || rest.iter().position(|line| !line.is_empty() && !line.starts_with(' '));
    let line = match runtime {
        "Python" if first.starts_with("Traceback") => {
            after_frames().map_or("a Python exception", |error| rest[error]).to_owned()
        }
        "Rust" => {
            rest.first().filter(|line| !line.is_empty()).map_or(first.clone(), |line| (*line).to_owned())
        }
        _ => first.clone(),
    };
    let frames = match runtime {
        "Python" => &rest[..after_frames().unwrap_or(rest.len())],
        _ => &lines[start..],
    };
    let places = places(runtime, frames);
    // Python alone writes the innermost frame last.
    let place = if runtime == "Python" { places.last() } else { places.first() };
    Some(Trace { line, place: place.cloned() })
}

/// The places of the program itself in these lines.
fn places(runtime: &str, lines: &[&str]) -> Vec<String> {
    let pattern =
        FRAMES.iter().find(|(name, _)| *name == runtime).and_then(|(_, text)| Regex::new(text).ok());
    let place = |line: &&str| {
        let found = pattern.as_ref()?.captures(line)?;
        let (file, number) = (&found[1], &found[2]);
        let foreign = LIBRARIES.iter().any(|library| file.contains(library));
        (!foreign).then(|| format!("{}:{number}", file.rsplit(['/', '(']).next().unwrap_or(file)))
    };
    lines.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::python(
        "x\nTraceback (most recent call last):\n  File \"/a/tester.py\", line 7, in <module>\n    main()\n  \
         File \"/a/tester.py\", line 42, in serve\n    raise\nstruct.error: unpack requires 3 bytes\nbye",
        "struct.error: unpack requires 3 bytes",
        Some("tester.py:42")
    )]
    #[case::chained(
        "Traceback (most recent call last):\n  File \"t.py\", line 1, in a\nKeyError: 9\n\nDuring handling:\n\n\
         Traceback (most recent call last):\n  File \"t.py\", line 2, in b\nValueError: bad",
        "ValueError: bad",
        Some("t.py:2")
    )]
    #[case::rust(
        "thread 'main' panicked at src/main.rs:3:9:\nindex out of bounds",
        "index out of bounds",
        Some("main.rs:3")
    )]
    #[case::library(
        "Traceback (most recent call last):\n  File \"/a/tester.py\", line 57, in connect\n    c()\n  \
         File \"/usr/lib/python3.11/socket.py\", line 836, in create_connection\n    raise\nOSError: no",
        "OSError: no",
        Some("tester.py:57")
    )]
    #[case::go(
        "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.serve()\n\t/a/tester.go:57 +0x1d",
        "panic: runtime error: index out of range",
        Some("tester.go:57")
    )]
    #[case::java(
        "Exception in thread \"main\" java.lang.Error: no\n\tat java.base/java.net.Socket.<init>(Socket.java:9)\n\
         \tat Server.serve(Server.java:57)",
        "Exception in thread \"main\" java.lang.Error: no",
        Some("Server.java:57")
    )]
    #[case::node(
        "    at Server.listen (node:net:2035:7)\n    at f (/a/tester.js:12:3)",
        "at f (/a/tester.js:12:3)",
        Some("tester.js:12")
    )]
    #[case::no_frame("Segmentation fault", "Segmentation fault", None)]
    fn the_error_is_found(#[case] output: &str, #[case] line: &str, #[case] place: Option<&str>) {
        let trace = find(output).unwrap();
        assert_eq!((trace.line.as_str(), trace.place.as_deref()), (line, place));
    }

    #[test]
    fn no_trace_is_none() {
        assert_eq!(find("Data thread opening\nExiting Server"), None);
    }
}
