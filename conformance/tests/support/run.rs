//! The report of a grading, as the program itself reads it.

use assert_cmd::Command;
use conformance::commands::merge::merge_runs;
use conformance::model::outcome::Outcome;
use conformance::report::RunReport;

use super::again::TRIES;
use super::catalogue;
use super::said::said;

/// Plays it once.
pub(crate) fn run(grading: &mut Command) -> Result<RunReport, String> {
    let output = grading.args(["--quiet", "--report=json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {}", said(&output)))
}

/// Plays what these arguments select, and again those of its cases that are inconclusive, three times at most: of many
/// cases some would be so every time. A verdict is never asked again.
pub(crate) fn judged_run(
    selection: &[&str],
    grading: impl Fn(&[&str]) -> Command,
) -> Result<RunReport, String> {
    let mut report = run(&mut grading(selection))?;
    for _ in 1..TRIES {
        let unsure = report.cases.iter().filter(|case| case.outcome == Outcome::Inconclusive);
        let unsure: Vec<&str> = unsure.map(|case| case.id.as_str()).collect();
        if unsure.is_empty() {
            break;
        }
        let again = run(&mut grading(&[&["--case"], &unsure[..]].concat()))?;
        let runs = vec![("before".to_owned(), report), ("again".to_owned(), again)];
        report = merge_runs(runs, &catalogue()).map_err(|error| error.to_string())?.report;
    }
    Ok(report)
}
