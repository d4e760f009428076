//! One target with several faults, in every format: each names the same problems, with the same best case for each. A
//! second run reports the same as the first.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use conformance::grading::stored;
use conformance::model::problem::Problem;
use conformance::report::RunReport;
use rstest::rstest;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::folder::Folder;
use crate::support::runner::runner;
use crate::support::words::words;

/// Three mistakes: one with its own cause, one that shows in many conversations, one that causes other failures.
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

/// A run with all its reports; `diff.txt` compares it with itself.
struct Run {
    folder: Folder,
}

impl Run {
    fn made() -> Self {
        let folder = Folder::new();
        let mut command = runner();
        command.arg("--quiet").arg("--target-bin").arg(mutant()).args(["--quick", "--part=p1", "--seed=1"]);
        command.args(FAULTS.map(|fault| format!("--target-arg=--fault={fault}")));
        command.args(["--case", "server/session/*", "server/invalid/*", "server/interrupt/*"]);
        for (format, name) in FORMATS {
            command.arg("--report").arg(format!("{format}={}", folder.at(name).display()));
        }
        command.args(["--report", "human"]).env("GITHUB_STEP_SUMMARY", folder.at("summary.md"));
        assert_eq!(judged(&mut command).status.code(), Some(1));
        let report = folder.at("report.json");
        let diff = runner().arg("diff").args([&report, &report]).output().unwrap();
        Self { folder: folder.with("diff.txt", diff.stdout) }
    }

    fn report(&self) -> RunReport {
        stored::read(&self.folder.at("report.json")).unwrap()
    }

    /// The words of a file: a line may break between any two words, and the escapes of the format are decoded.
    fn words(&self, name: &str) -> String {
        let text = self.folder.read(name);
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
        words(&text)
    }
}

fn first() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(Run::made)
}

/// A problem without the times of this run.
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
