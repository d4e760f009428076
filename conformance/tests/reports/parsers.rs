//! The outside tools that read the reports.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::installed::there_is;
use crate::support::paths::in_crate;

/// Gives `input` to an outside tool. `None` where the tool is not installed.
fn outside(program: &str, args: &[&str], input: &str) -> Option<Output> {
    if !there_is(program) {
        return None;
    }
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Written by a thread: a tool that answers before it has read everything must not block.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A tool that refuses its input may close it early. Its output is then the result.
    let _ = writer.join().unwrap();
    Some(output)
}

/// Checks a JUnit document against the schema of Jenkins' xunit plugin.
pub(crate) fn assert_junit_is_valid(document: &str) {
    let schema = in_crate("tests/reports/junit-10.xsd");
    let args = ["--noout", "--nonet", "--schema", schema.to_str().unwrap(), "-"];
    if let Some(output) = outside("xmllint", &args, document) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "xmllint: {said}\n{document}");
    }
}

/// What the two public parsers of TAP read in a document. Both must agree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) points: usize,
    pub(crate) failed: usize,
    pub(crate) todo: usize,
    pub(crate) skipped: usize,
}

/// Checks a document with Perl's TAP::Parser (that of `prove`) and with the npm package tap-parser, if they are
/// installed.
pub(crate) fn assert_tap_is(expected: Tap, document: &str) {
    for read in [perl(document), node(document)].into_iter().flatten() {
        assert_eq!(read, expected, "{document}");
    }
}

/// Versions of TAP::Parser that know TAP 13 but not 14 report that and read on: 14 is a superset, and the runner uses
/// nothing that is not in 13.
const KNOWS_13_ONLY: &str = "TAP specified version 14 but we don't know about versions later than 13";

fn perl(document: &str) -> Option<Tap> {
    const SCRIPT: &str = r#"
        use TAP::Parser;
        binmode STDIN, ":encoding(UTF-8)";
        local $/;
        my $parser = TAP::Parser->new({ tap => scalar <STDIN> });
        my ($points, $yaml) = (0, 0);
        while (my $result = $parser->next) {
            $points++ if $result->is_test && !$result->is_actual_ok;
            $yaml++ if $result->is_yaml;
            die "unknown line: " . $result->raw if $result->is_unknown;
        }
        die "$points test points of failures and $yaml blocks" if $points != $yaml;
        print join "|", $parser->tests_run, scalar($parser->failed), scalar($parser->todo),
            scalar($parser->skipped), join("; ", $parser->parse_errors);
    "#;
    let output = outside("perl", &["-e", SCRIPT], document)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "TAP::Parser: {}\n{document}", String::from_utf8_lossy(&output.stderr));
    let words: Vec<&str> = said.splitn(5, '|').collect();
    assert!(["", KNOWS_13_ONLY].contains(&words[4]), "TAP::Parser: {}\n{document}", words[4]);
    let number = |index: usize| words[index].parse().unwrap();
    Some(Tap { points: number(0), failed: number(1), todo: number(2), skipped: number(3) })
}

fn node(document: &str) -> Option<Tap> {
    let output = outside("tap-parser", &["--strict", "--json=0"], document)?;
    let events: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("tap-parser: {error}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    // The events of a document without subtests: the last `complete` has the totals.
    let result = &events.iter().rfind(|event| event[0] == "complete").unwrap()[1];
    let unknown =
        result["failures"].as_array().into_iter().flatten().find(|failure| !failure["tapError"].is_null());
    assert_eq!(unknown, None, "{document}");
    let blocks = events.iter().filter(|event| event[0] == "assert" && event[1]["ok"] == false);
    assert!(blocks.clone().all(|event| event[1]["diag"]["message"].is_string()), "{document}");
    let number = |key: &str| usize::try_from(result[key].as_u64().unwrap_or(0)).unwrap();
    Some(Tap {
        points: number("count"),
        failed: number("fail") - number("todo"),
        todo: number("todo"),
        skipped: number("skip"),
    })
}
