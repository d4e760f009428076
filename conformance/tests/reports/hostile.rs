//! The output of a hostile target reaches no report unescaped: no control sequence, no markup, no line in the syntax of
//! the format.

use std::collections::BTreeMap;

use conformance::model::transcript::{Entry, Event};
use conformance::report::format::ReportFormat;
use conformance::report::human::Detail;
use conformance::report::{Document, RunReport, render};
use conformance::words::page::DEFAULT_WIDTH;
use rstest::rstest;

use super::parsers::{Tap, assert_junit_is_valid, assert_tap_is};
use super::sample::{rendered, sample};
use crate::support::catalogue;

/// What a target may print, after the runner has replaced what is not UTF-8: colours, a bell, a NUL, a C1
/// control, noncharacters that XML forbids, marks that turn the writing, ends of CDATA, elements and
/// comments, lines of TAP, workflow commands, Markdown.
const NASTY: &str = "\u{1b}[31mred\u{1b}[0m\u{7}\0\u{9b}2J\u{7f}\u{fffe}\u{202e}\u{2028}\u{fffd}\r\n\
    <script>alert(1)</script> ]]> --> </pre></details> &amp; \"quoted\" 'single' \\ # | `code` %0A\n\
    \t::error::pwned\n::stop-commands::pwned\nok 1 - pwned\n...\n1..9999\nBail out! pwned\n\
    \u{1b}]0;title\u{7}end\n";

fn nasty() -> RunReport {
    with_words(NASTY)
}

/// The same with a harmless line for each hostile line.
fn tame() -> RunReport {
    with_words(&NASTY.lines().map(|_| "harmless\n").collect::<String>())
}

fn with_words(words: &str) -> RunReport {
    let mut report = sample();
    report.target.path = Some(format!("./{words}"));
    for case in &mut report.cases {
        if let Some(message) = &mut case.message {
            message.push_str(words);
        }
        case.actual = case.actual.as_ref().map(|_| words.to_owned());
        case.expected = case.expected.as_ref().map(|_| words.to_owned());
        if let Some(cause) = &mut case.cause {
            cause.title.push_str(words);
            cause.remedy = words.to_owned();
        }
        case.stdout = words.to_owned();
        case.stderr = words.to_owned();
        case.leftovers = vec![words.to_owned()];
        let refused = Event::Refused { on: "a".to_owned(), error: words.to_owned() };
        let entry = Entry { at: std::time::Duration::ZERO, event: refused };
        case.transcript.entries.push(entry);
    }
    for problem in &mut report.problems {
        problem.title.push_str(words);
        problem.remedy = Some(words.to_owned());
    }
    for record in &mut report.requirements {
        if let Some(reason) = &mut record.reason {
            reason.push_str(words);
        }
    }
    report
}

#[rstest]
fn no_format_holds_a_raw_control_character(
    #[values(
        ReportFormat::Json,
        ReportFormat::Junit,
        ReportFormat::Tap,
        ReportFormat::Github,
        ReportFormat::Gradescope,
        ReportFormat::Html
    )]
    format: ReportFormat,
) {
    assert_harmless(&rendered(format, &nasty()));
}

/// The report contains only the runner's own escapes: as many as with harmless output.
#[test]
fn the_human_report_holds_no_escape_of_the_targets() {
    let text = |report: &RunReport| match render(
        ReportFormat::Human,
        report,
        &catalogue(),
        DEFAULT_WIDTH,
        Detail::Full,
    )
    .unwrap()
    {
        Document::Text(text) => text,
        Document::Bytes(_) => panic!("the human report is text with colours"),
    };
    let nasty = text(&nasty());
    let escapes = |text: &str| text.matches('\u{1b}').count();
    assert_eq!(escapes(&nasty), escapes(&text(&tame())));
    assert_harmless(&nasty.replace('\u{1b}', ""));
}

#[test]
fn the_job_summary_holds_no_markup_of_the_targets() {
    let summary = conformance::report::github::summary(&nasty(), &catalogue()).unwrap();
    let summary = String::from_utf8(summary).unwrap();
    assert_harmless(&summary);
    assert!(!summary.contains("<script"), "{summary}");
    assert_eq!(summary.matches("</pre>").count(), summary.matches("<pre>").count());
    assert_eq!(summary.matches("</details>").count(), summary.matches("<details>").count());
    // The heading names the target. Its backticks and bars would be Markdown there.
    let heading = summary.lines().next().unwrap();
    assert!(!heading.contains(['`', '|', '[']), "{heading}");
}

/// The page has as many elements of each kind as with harmless output. Only lines of a drawing and words in the heading
/// may be more, if the target's text is longer.
#[test]
fn the_page_holds_no_element_of_the_targets() {
    let elements = |report: &RunReport| -> BTreeMap<String, usize> {
        let document = rendered(ReportFormat::Html, report);
        let mut elements = BTreeMap::new();
        for after in document.split('<').skip(1) {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '/');
            *elements.entry(after[..end.unwrap_or(after.len())].to_owned()).or_default() += 1;
        }
        elements.retain(|name, _| !["text", "code"].contains(&name.trim_start_matches('/')));
        elements
    };
    assert_eq!(elements(&nasty()), elements(&tame()));
    let document = rendered(ReportFormat::Html, &nasty());
    assert_eq!(document.matches("<script>").count(), 1);
    assert!(document.contains(
        "&lt;script&gt;alert(1)&lt;/script&gt; ]]&gt; --&gt; &lt;/pre&gt;&lt;/details&gt; &amp;amp; &quot;"
    ));
}

#[rstest]
#[case(ReportFormat::Json)]
#[case(ReportFormat::Gradescope)]
fn json_can_stand_in_a_page_and_gives_the_text_back(#[case] format: ReportFormat) {
    let document = rendered(format, &nasty());
    assert!(!document.contains(['<', '>', '&']), "{document}");
    let value: serde_json::Value = serde_json::from_str(&document).unwrap();
    if format == ReportFormat::Json {
        assert_eq!(value["cases"][0]["stdout"], NASTY);
    }
}

#[test]
fn junit_is_still_valid() {
    assert_junit_is_valid(&rendered(ReportFormat::Junit, &nasty()));
}

#[test]
fn tap_has_no_line_of_the_targets() {
    let document = rendered(ReportFormat::Tap, &nasty());
    let points =
        document.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).count();
    assert_eq!(points, sample().cases.len());
    assert!(!document.lines().any(|line| line.starts_with("Bail out!") || line == "1..9999"));
    assert_tap_is(Tap { points, failed: 4, todo: 1, skipped: 1 }, &document);
}

#[test]
fn github_takes_no_command_from_the_target() {
    let document = rendered(ReportFormat::Github, &nasty());
    let commands = document.lines().count();
    assert_eq!(commands, 6, "{document}");
    for line in document.lines() {
        let command = line.trim_start_matches("::").split([' ', ':']).next().unwrap();
        assert!(["error", "notice", "warning"].contains(&command), "{line}");
    }
}

#[test]
fn jsonl_is_harmless() {
    use conformance::model::event::{Event, Listener};
    use conformance::report::{jsonl::JsonLines, output::Stream};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut lines = JsonLines::new(Stream::open(Some(&path)).unwrap());
    let report = nasty();
    for case in &report.cases {
        lines.on(&Event::Finished(case));
    }
    lines.finish(&report).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_harmless(&text);
    assert_eq!(text.lines().count(), report.cases.len() + 1);
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["case"]["stderr"], NASTY);
}

fn assert_harmless(document: &str) {
    let raw = document.chars().find(|letter| {
        (letter.is_control() && *letter != '\n')
            || matches!(letter, '\u{fffe}' | '\u{ffff}' | '\u{202e}' | '\u{2028}')
    });
    assert_eq!(raw, None, "{document}");
}
