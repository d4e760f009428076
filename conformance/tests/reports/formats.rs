//! Each format, from the shared run: the whole text, and what the public parser of the format reads.

use conformance::report::format::ReportFormat;
use serde_json::Value;

use super::parsers::{Tap, assert_junit_is_valid, assert_tap_is};
use super::sample::{rendered, sample};
use crate::support::catalogue;

#[test]
fn junit() {
    let document = rendered(ReportFormat::Junit, &sample());
    assert_junit_is_valid(&document);
    insta::assert_snapshot!(document);
}

#[test]
fn tap_14() {
    let document = rendered(ReportFormat::Tap, &sample());
    // One failure is a TODO: its requirement does not count.
    assert_tap_is(Tap { points: 7, failed: 4, todo: 1, skipped: 1 }, &document);
    insta::assert_snapshot!(document);
}

#[test]
fn github_annotations() {
    let document = rendered(ReportFormat::Github, &sample());
    for line in document.lines() {
        assert!(line.starts_with("::"), "not a workflow command: {line}");
    }
    insta::assert_snapshot!(document);
}

#[test]
fn github_job_summary() {
    let summary = conformance::report::github::summary(&sample(), &catalogue()).unwrap();
    insta::assert_snapshot!(String::from_utf8(summary).unwrap());
}

#[test]
fn github_job_summary_stays_below_githubs_limit() {
    let mut report = sample();
    report.problems = vec![report.problems[0].clone(); 2000];
    let summary = conformance::report::github::summary(&report, &catalogue()).unwrap();
    assert!(summary.len() < 1 << 20, "{} bytes", summary.len());
    let text = String::from_utf8(summary).unwrap();
    assert!(text.contains("more to fix: see the other reports"), "the cut is not told");
}

#[test]
fn gradescope() {
    insta::assert_snapshot!(rendered(ReportFormat::Gradescope, &sample()));
}

/// One problem on the page.
#[test]
fn html() {
    let page = rendered(ReportFormat::Html, &sample());
    let begin = page.find("<article").unwrap();
    let end = page.find("</article>").unwrap();
    insta::assert_snapshot!(&page[begin..end + "</article>".len()]);
}

#[test]
fn html_needs_nothing_from_outside() {
    let page = rendered(ReportFormat::Html, &sample());
    for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "style=", "onclick"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let policy = page.split("Content-Security-Policy").nth(1).unwrap();
    assert!(
        policy.starts_with("\" content=\"default-src &#39;none&#39;;")
            || policy.starts_with("\" content=\"default-src 'none';")
    );
}

/// With `--baseline`, each format agrees with the exit status about what counts.
#[test]
fn known_failures_do_not_count_and_fixed_ones_do() {
    let mut report = sample();
    report.baseline = Some(conformance::model::known::Comparison {
        expected: vec![
            "server/invalid/request-version[version=02]".to_owned(),
            "server/serial/second-client-waits".to_owned(),
        ],
        fixed: vec!["server/session/listens".to_owned()],
    });
    let junit = rendered(ReportFormat::Junit, &report);
    assert_junit_is_valid(&junit);
    let tap = rendered(ReportFormat::Tap, &report);
    assert_tap_is(Tap { points: 7, failed: 3, todo: 3, skipped: 1 }, &tap);
    let told = |document: &str, words: &[&str]| -> Vec<String> {
        let lines = document.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        lines.map(|line| line.trim().chars().take(150).collect()).collect()
    };
    insta::assert_debug_snapshot!((
        told(&junit, &["<testsuite ", "<failure", "<skipped", "<error"]),
        told(&tap, &["ok ", "message:"]),
        told(&rendered(ReportFormat::Github, &report), &["::"]),
    ));
}

/// The Autograder Specifications: known keys, and a score for each test.
#[test]
fn gradescope_holds_what_its_documentation_asks() {
    let results: Value = serde_json::from_str(&rendered(ReportFormat::Gradescope, &sample())).unwrap();
    const KEYS: [&str; 11] = [
        "score",
        "execution_time",
        "output",
        "output_format",
        "test_output_format",
        "test_name_format",
        "visibility",
        "stdout_visibility",
        "extra_data",
        "tests",
        "leaderboard",
    ];
    const TEST_KEYS: [&str; 11] = [
        "score",
        "max_score",
        "status",
        "name",
        "name_format",
        "number",
        "output",
        "output_format",
        "tags",
        "visibility",
        "extra_data",
    ];
    const VISIBILITIES: [&str; 4] = ["hidden", "after_due_date", "after_published", "visible"];
    for key in results.as_object().unwrap().keys() {
        assert!(KEYS.contains(&key.as_str()), "{key}");
    }
    assert!(results["execution_time"].is_number());
    let tests = results["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 7);
    for test in tests {
        for key in test.as_object().unwrap().keys() {
            assert!(TEST_KEYS.contains(&key.as_str()), "{key}");
        }
        assert!(VISIBILITIES.contains(&test["visibility"].as_str().unwrap()));
        assert!(test["score"].as_f64().unwrap() <= test["max_score"].as_f64().unwrap());
    }
    let sum = |key: &str| -> f64 { tests.iter().map(|test| test[key].as_f64().unwrap()).sum() };
    // SRV-1 holds. INV-1, SER-1 and SRV-13 count and do not hold. TMO-1 was not run. The others do not count.
    assert_eq!((sum("score"), sum("max_score")), (1.0, 4.0));
}
