//! Recognises the stack traces of the common runtimes. For `judge`, `diagnose` and `conformance reproduce`.

use std::sync::LazyLock;

use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

/// Each runtime, with a pattern that only its traces match.
const TRACES: [(&str, &str); 13] = [
    ("Python", r"Traceback \(most recent call last\)"),
    ("Python", r"(?m)^Fatal Python error"),
    ("Rust", r"thread '.*' (\(\d+\) )?panicked at"),
    ("Go", r"(?m)^(panic: |fatal error: |goroutine \d+ \[)"),
    ("Java", r"(?m)^(Exception in thread |\s+at [\w.$]+\([\w.]+\.(java|kt|scala):\d+\))"),
    ("Node", r"(?m)^\s+at .*\(?(node:internal|.*\.[cm]?[jt]s:\d+:\d+)"),
    ("C++", r"terminate called (after|without)"),
    (".NET", r"Unhandled exception\. |(?m)^\s+at .* in .*\.cs:line \d+"),
    ("Ruby", r"(?m)^.*\.rb:\d+:in [`'].*\(\w*(Error|Interrupt)\)"),
    // `die` adds this if its text does not end with a line end. The name of the file has a dot or a slash.
    ("Perl", r"(?m) at \S*[./]\S* line \d+(, <[^>]+> (line|chunk) \d+)?\.$"),
    ("sanitizer", r"==\d+==ERROR: \w*Sanitizer"),
    ("shell", r"(?m)(^|: )(Segmentation fault|Aborted|Bus error|Illegal instruction)( \(core dumped\))?\s*$"),
    // Bash adds the line, the process and the command. Dash prints only the words above.
    ("shell", r"(?m): line \d+:\s+\d+ (Segmentation fault|Aborted|Bus error|Illegal instruction)\b"),
];

/// Without Unicode classes. The patterns do not need them, and every worker would compile them.
static PATTERNS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(TRACES.iter().map(|(_, pattern)| pattern)).unicode(false).build().ok()
});

/// The patterns of all traces.
pub(crate) fn patterns() -> impl Iterator<Item = &'static str> {
    TRACES.iter().map(|(_, pattern)| *pattern)
}

/// The runtime of a trace in `output` and the line that shows it, if there is one.
pub(crate) fn find(output: &str) -> Option<(&'static str, String)> {
    let first = PATTERNS.as_ref()?.matches(output.as_bytes()).iter().next()?;
    let (runtime, pattern) = TRACES[first];
    let start = RegexBuilder::new(pattern).unicode(false).build().ok()?.find(output.as_bytes())?.start();
    let line = output.get(start..)?.trim_start().lines().next().unwrap_or_default();
    Some((runtime, line.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::find;

    #[rstest]
    #[case("x\nTraceback (most recent call last):\n  File \"t.py\"", "Python")]
    #[case("thread 'main' panicked at src/main.rs:1:1:\nboom", "Rust")]
    #[case("thread 'main' (123) panicked at src/main.rs:1:1:\nboom", "Rust")]
    #[case("panic: runtime error: index out of range\n\ngoroutine 1 [running]:", "Go")]
    #[case("Exception in thread \"main\" java.net.BindException", "Java")]
    #[case("    at Server.listen (node:net:2035:7)\n    at f (/a/tester.js:12:3)", "Node")]
    #[case("terminate called after throwing an instance of 'std::system_error'", "C++")]
    #[case("./run: line 1: 12 Segmentation fault (core dumped)", "shell")]
    #[case("./run: line 2:  4711 Aborted                 (core dumped) ./tester", "shell")]
    #[case("Segmentation fault", "shell")]
    #[case("Can't call method \"send\" on an undefined value at ./tester.pl line 57.", "Perl")]
    #[case("x\nbind: Address already in use at /home/me/tester line 12, <STDIN> line 1.\n", "Perl")]
    fn traces_are_recognised(#[case] output: &str, #[case] runtime: &str) {
        assert_eq!(find(output).map(|(found, _)| found), Some(runtime));
    }

    #[rstest]
    #[case("Exiting Server")]
    #[case("error: connection refused at 127.0.0.1:5678")]
    #[case("Test aborted by the client")]
    #[case("Received unexpected message, closing")]
    #[case("panic? no: all is well")]
    #[case("the answer breaks off at byte 3, line 2.")]
    #[case("connection refused at 127.0.0.1:5678 line busy")]
    #[case("bad value in tester.toml at line 3.")]
    fn messages_are_not_traces(#[case] output: &str) {
        assert_eq!(find(output), None);
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(super::PATTERNS.is_some());
    }
}
