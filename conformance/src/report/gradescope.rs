//! The run as a Gradescope results.json (gradescope-autograders.readthedocs.io, Autograder
//! Specifications, Output format). There is a test for each requirement. One that counts (`--fail-on`) and was run is
//! worth a point, any other none.

use crate::words::escape;
use std::io;

use serde::Serialize;

use super::RunReport;
use super::plain;
use crate::model::outcome::{Outcome, RequirementRecord};
use crate::model::requirement::Catalogue;
use crate::words::found::found;

/// The whole report, one document and a newline.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let results = Results {
        output: output(report),
        output_format: "text",
        test_output_format: "text",
        test_name_format: "text",
        visibility: "visible",
        // The instructor sees what the runner itself prints, and the student does not.
        stdout_visibility: "hidden",
        execution_time: report.duration.as_secs_f64(),
        extra_data: ExtraData { tool: &report.tool, target: &report.target, started: &report.started },
        tests: report.requirements.iter().map(|record| test(record, report, catalogue)).collect(),
    };
    let mut document = escape::json(&results, true)?.into_bytes();
    document.push(b'\n');
    Ok(document)
}

/// The document. It has no score, so Gradescope adds up the scores of the tests.
#[derive(Serialize)]
struct Results<'r> {
    output: String,
    output_format: &'static str,
    test_output_format: &'static str,
    test_name_format: &'static str,
    visibility: &'static str,
    stdout_visibility: &'static str,
    execution_time: f64,
    extra_data: ExtraData<'r>,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct ExtraData<'r> {
    tool: &'r super::Tool,
    target: &'r super::TargetInfo,
    started: &'r str,
}

#[derive(Serialize)]
struct Test {
    number: String,
    name: String,
    score: f64,
    max_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    output: String,
    visibility: &'static str,
    tags: Vec<String>,
}

fn test(record: &RequirementRecord, report: &RunReport, catalogue: &Catalogue) -> Test {
    let counts = record.level >= report.options.fail_on;
    let not_run = is_not_run(record);
    let reason = || escape::line(record.reason.as_deref().unwrap_or("no reason was given"));
    let mut output = match record.outcome {
        Outcome::Pass => "holds".to_owned(),
        Outcome::Fail => plain::failure_lines(record, report, catalogue).join("\n"),
        Outcome::Error | Outcome::Inconclusive => {
            format!("could not be judged, which is not your program's fault: {}", reason())
        }
        Outcome::Skip if record.is_blocked() => reason(),
        Outcome::Skip => format!("not run: {}", reason()),
    };
    if !counts {
        output.insert_str(0, &format!("({} only: worth no point)\n", record.level));
    }
    // What an exploration alone has found takes no point unless that was asked for.
    let spared = report.fails_by_exploring_alone(record)
        && !report.explored.as_ref().is_some_and(|explored| explored.counts);
    if spared {
        output.insert_str(0, "(found by exploring: takes no point)\n");
    }
    let passed = record.outcome == Outcome::Pass || spared;
    Test {
        number: record.id.to_string(),
        name: format!("{} ({}) {}", record.id, record.level, record.title),
        score: f64::from(u8::from(passed && counts)),
        max_score: f64::from(u8::from(counts && !not_run)),
        // Gradescope has only these two words. A test that was not run has none.
        status: (!not_run).then_some(if passed { "passed" } else { "failed" }),
        output,
        visibility: "visible",
        tags: vec![record.part.to_string(), record.level.to_string().to_lowercase()],
    }
}

fn is_not_run(record: &RequirementRecord) -> bool {
    record.outcome == Outcome::Skip && !record.is_blocked()
}

fn output(report: &RunReport) -> String {
    let counting = || report.requirements.iter().filter(|record| record.level >= report.options.fail_on);
    let holding = counting().filter(|record| record.outcome == Outcome::Pass).count();
    let unjudged =
        counting().filter(|record| matches!(record.outcome, Outcome::Error | Outcome::Inconclusive)).count();
    let not_run = counting().filter(|record| is_not_run(record)).count();
    let mut text = format!("{holding} of {} requirements that count hold.", counting().count() - not_run);
    if not_run > 0 {
        text.push_str(&format!(" {not_run} more were not run in this grading, and carry no point."));
    }
    if unjudged > 0 {
        text.push_str(&format!(
            " {unjudged} could not be judged, which is not your program's fault: ask to have it graded again."
        ));
    }
    let found = found(report);
    if !found.is_empty() {
        text.push_str("\n\nTo fix:");
    }
    for problem in &found {
        text.push_str(&format!("\n{}. {} ({})", problem.number, problem.title(), problem.ids()));
        text.push_str(&format!("\n   Seen best in {}.", problem.witness.id));
    }
    text
}
