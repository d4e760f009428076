//! The error in a stack trace, and the place where it was raised.

use crate::words::trace;

/// The error of a stack trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// The error, such as "ValueError: bad version".
    pub(super) line: String,
    /// Its place, such as "tester.py, line 42".
    pub(super) place: Option<String>,
}

impl Trace {
    /// The error's name without its message. So the same error with another value has the same name.
    pub(super) fn kind(&self) -> &str {
        self.line.split(':').next().unwrap_or(&self.line)
    }
}

/// The last stack trace in `output`.
pub(super) fn find(output: &str) -> Option<Trace> {
    let (runtime, first) = trace::find(output)?;
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    let start = lines.iter().rposition(|line| line.contains(&first))?;
    let rest = &lines[start + 1..];
    Some(match runtime {
        "Python" if first.starts_with("Traceback") => python(rest),
        "Rust" => Trace {
            line: rest
                .first()
                .filter(|line| !line.is_empty())
                .map_or_else(|| first.clone(), |line| (*line).to_owned()),
            place: first.split_once("panicked at ").map(|(_, place)| place.trim_end_matches(':').to_owned()),
        },
        _ => Trace { line: first, place: None },
    })
}

/// The error of a Python trace. The frames are indented, and the error after them is not.
fn python(rest: &[&str]) -> Trace {
    let end = rest.iter().position(|line| !line.is_empty() && !line.starts_with(' ')).unwrap_or(rest.len());
    let frame = rest[..end].iter().rev().find_map(|line| line.trim().strip_prefix("File \""));
    let place = frame.and_then(|frame| {
        let (file, line) = frame.split_once("\", line ")?;
        let file = file.rsplit('/').next().unwrap_or(file);
        Some(format!("{file}, line {}", line.split(',').next()?))
    });
    Trace {
        line: rest.get(end).map_or_else(|| "a Python exception".to_owned(), |line| (*line).to_owned()),
        place,
    }
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
        Some("tester.py, line 42")
    )]
    #[case::chained(
        "Traceback (most recent call last):\n  File \"t.py\", line 1, in a\nKeyError: 9\n\nDuring handling:\n\n\
         Traceback (most recent call last):\n  File \"t.py\", line 2, in b\nValueError: bad",
        "ValueError: bad",
        Some("t.py, line 2")
    )]
    #[case::rust(
        "thread 'main' panicked at src/main.rs:3:9:\nindex out of bounds",
        "index out of bounds",
        Some("src/main.rs:3:9")
    )]
    #[case::go(
        "panic: runtime error: index out of range\n\ngoroutine 1 [running]:",
        "panic: runtime error: index out of range",
        None
    )]
    fn the_error_is_found(#[case] output: &str, #[case] line: &str, #[case] place: Option<&str>) {
        let trace = find(output).unwrap();
        assert_eq!((trace.line.as_str(), trace.place.as_deref()), (line, place));
    }

    #[test]
    fn no_trace_is_none() {
        assert_eq!(find("Data thread opening\nExiting Server"), None);
    }
}
