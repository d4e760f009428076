//! One target with several faults, reported in every format: each names the same things to fix, with the same case
//! that shows each best; and a second run says the same as the first.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use conformance::grading::stored;
use conformance::model::problem::Problem;
use conformance::report::RunReport;
use rstest::rstest;
use tempfile::TempDir;

use crate::support::conformance;

/// Three mistakes: one with a cause of its own, one that shows in many conversations, one that has consequences.
const FAULTS: [&str; 3] = ["request-version-unchecked", "reply-port-little-endian", "no-address-reuse"];

/// The formats of a report, with their files.
const FORMATS: [(&str, &str); 8] = [
    ("human", "report.txt"),
    ("json", "report.json"),
    ("jsonl", "events.jsonl"),
    ("junit", "junit.xml"),
    ("tap", "report.tap"),
    ("gradescope", "results.json"),
    ("html", "report.html"),
    ("github", "annotations.txt"),
];

/// A run with all its reports; `diff.json` compares it with itself.
struct Run {
    folder: TempDir,
}

impl Run {
    fn made() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mutant = Path::new(env!("CARGO_BIN_EXE_conformance")).with_file_name("examples").join("mutant");
        let mut command = conformance();
        command.arg("--quiet").arg("--target-bin").arg(&mutant).args(["--quick", "--part=p1", "--seed=1"]);
        command.args(FAULTS.map(|fault| format!("--target-arg=--fault={fault}")));
        command.args(["--case", "server/session/*", "server/invalid/*", "server/interrupt/*"]);
        for (format, name) in FORMATS {
            command.arg("--report").arg(format!("{format}={}", path(name).display()));
        }
        command.env("GITHUB_STEP_SUMMARY", path("summary.md")).assert().code(1);
        let report = path("report.json");
        let diff = conformance().arg("diff").args([&report, &report]).output().unwrap();
        fs::write(path("diff.txt"), diff.stdout).unwrap();
        Self { folder }
    }

    fn report(&self) -> RunReport {
        stored::read(&self.folder.path().join("report.json")).unwrap()
    }

    /// The words of a file: a line may be broken anywhere between them, and marks of a format stand for their letters.
    fn words(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
        let marks = [
            ("%0A", " "),
            ("%3A", ":"),
            ("%2C", ","),
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&quot;", "\""),
            ("&apos;", "'"),
            ("&#34;", "\""),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&amp;", "&"),
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#38;", "&"),
            ("\\\"", "\""),
            ("\\n", " "),
            ("<wbr>", ""),
        ];
        let text = marks.iter().fold(text, |text, (mark, letter)| text.replace(mark, letter));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn first() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(Run::made)
}

/// What a problem is, whatever the times of this run were.
fn named(problem: &Problem) -> (Option<&str>, &str, BTreeSet<String>) {
    let ids = problem.requirements.iter().map(ToString::to_string).collect();
    (problem.key.as_deref(), &problem.witness, ids)
}

#[rstest]
#[case::human("report.txt")]
#[case::json("report.json")]
#[case::jsonl("events.jsonl")]
#[case::junit("junit.xml")]
#[case::tap("report.tap")]
#[case::gradescope("results.json")]
#[case::html("report.html")]
#[case::github("annotations.txt")]
#[case::github_summary("summary.md")]
#[case::diff("diff.txt")]
fn every_format_names_the_same_problems(#[case] file: &str) {
    let report = first().report();
    assert_eq!(report.problems.len(), FAULTS.len(), "{:#?}", report.problems);
    let words = first().words(file);
    for problem in &report.problems {
        assert!(words.contains(&problem.title), "{file}: `{}` is not in\n{words}", problem.title);
        assert!(words.contains(&problem.witness), "{file}: `{}` is not in\n{words}", problem.witness);
    }
    // What fails because of something else names no cause of its own.
    let effects = report
        .cases
        .iter()
        .filter(|case| report.problems.iter().any(|problem| problem.consequences.contains(&case.id)));
    for cause in effects.filter_map(|case| case.cause.as_ref()) {
        let own = report.problems.iter().any(|problem| problem.title == cause.title);
        let told = words.contains(&format!("Likely cause: {}", cause.title));
        assert!(own || !told, "{file}: {}", cause.title);
    }
}

#[test]
fn a_second_run_says_the_same() {
    let (first, second) = (first().report(), Run::made().report());
    let all = |report: &RunReport| {
        report.problems.iter().map(|problem| format!("{:?}", named(problem))).collect::<Vec<_>>()
    };
    assert_eq!(all(&first), all(&second));
}
