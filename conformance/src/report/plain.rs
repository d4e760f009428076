//! A case and a requirement as plain text. All formats that show text use it, so that they say the same.

use super::{RunReport, TargetInfo};
use crate::model::explored::Explored;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord};
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, RequirementId};
use crate::model::standing::Standing;
use crate::model::tolerance::Tolerances;
pub use crate::words::found::by_file;
use crate::words::found::{Found, cause_lines};
use crate::words::page::command_line;
pub use crate::words::page::count;
use crate::words::{escape, ladder, page};

/// How many lines of the target's output are shown.
const OUTPUT_LINES: usize = 20;

/// What was graded, on one line.
pub fn target(report: &RunReport) -> String {
    target_of(&report.target)
}

/// The same without a report.
pub fn target_of(target: &TargetInfo) -> String {
    let words = target.path.iter().chain(&target.args).cloned().collect::<Vec<_>>();
    if words.is_empty() { "the built-in reference".to_owned() } else { escape::line(&words.join(" ")) }
}

/// The command that runs just this case again, on one line.
pub fn command_for(case: &CaseRecord, report: &RunReport) -> String {
    let (program, case) = command_parts(case, report);
    format!("{program} {case}")
}

/// The same in two parts, between which a line may break: the program with its target, and the case with its options.
pub fn command_parts(case: &CaseRecord, report: &RunReport) -> (String, String) {
    let target = match (&report.target.path, report.target.args.as_slice()) {
        (None, _) => String::new(),
        (Some(path), []) => format!(" --target-bin {}", shell_words::quote(path)),
        (Some(path), args) => {
            let command = command_line(std::iter::once(path).chain(args));
            format!(" --target-cmd {}", shell_words::quote(&command))
        }
    };
    let find =
        report.explored.as_ref().filter(|explored| explored.finds.iter().any(|find| find.id == case.id));
    let (command, case) = match find {
        // It is no case of any folder: only the exploration itself brings it back.
        Some(Explored { saved: None, seed, .. }) => ("conformance explore", format!("--seed {seed}")),
        Some(Explored { saved: Some(folder), .. }) => (
            "conformance",
            format!("--case {} --fixtures {}", shell_words::quote(&case.id), shell_words::quote(folder)),
        ),
        None => ("conformance", format!("--case {}", shell_words::quote(&case.id))),
    };
    (escape::line(&format!("{command}{target}")), escape::line(&format!("{case}{}", options(report))))
}

/// The options that a verdict depends on, if they are not the defaults.
fn options(report: &RunReport) -> String {
    let (times, usual) = (&report.options.tolerances, Tolerances::default());
    let mut options = String::new();
    for path in &report.options.fixtures {
        options.push_str(&format!(" --fixtures {}", shell_words::quote(path)));
    }
    for (name, time, usual) in [
        ("--control-timeout", times.control_timeout, usual.control_timeout),
        ("--early", times.early, usual.early),
        ("--late", times.late, usual.late),
        ("--patience", times.patience, usual.patience),
        ("--startup", times.startup, usual.startup),
    ] {
        if time != usual {
            options.push_str(&format!(" {name} {}s", time.as_secs_f64()));
        }
    }
    if report.isolation == Isolation::Host {
        options.push_str(" --isolation host");
    }
    options
}

/// The ids, as a list in a sentence.
pub fn ids(ids: &[RequirementId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is wrong, or why the case was not judged, on one line.
pub fn message(case: &CaseRecord) -> String {
    let default = if case.outcome == Outcome::Pass { "it holds" } else { "no reason was given" };
    escape::line(case.message.as_deref().unwrap_or(default))
}

/// The cases that could not be judged, by the reason. Reasons that differ only in numbers are one.
pub fn unjudged(report: &RunReport) -> Vec<(String, Vec<&CaseRecord>)> {
    let mut reasons: Vec<(String, Vec<&CaseRecord>)> = Vec::new();
    let unjudged = |case: &&CaseRecord| matches!(case.outcome, Outcome::Error | Outcome::Inconclusive);
    for case in report.cases.iter().filter(unjudged) {
        let alike: String = message(case).chars().filter(|letter| !letter.is_ascii_digit()).collect();
        match reasons.iter_mut().find(|(known, _)| *known == alike) {
            Some((_, cases)) => cases.push(case),
            None => reasons.push((alike, vec![case])),
        }
    }
    reasons.into_iter().map(|(_, cases)| (message(cases[0]), cases)).collect()
}

/// The cases that failed on a requirement. Those that show a problem best come first.
pub fn cases_charged<'r>(report: &'r RunReport, id: &RequirementId) -> Vec<&'r CaseRecord> {
    let mut cases: Vec<_> = report.cases.iter().filter(|case| case.charged.contains(id)).collect();
    let place = |case: &&CaseRecord| report.problems.iter().position(|problem| problem.witness == case.id);
    cases.sort_by_key(|case| place(case).unwrap_or(usize::MAX));
    cases
}

/// The lines about a failed case: the requirements with their sources, what was due and what came, the conversation, the
/// target's output, the command that runs it again, the usual mistakes.
pub fn case_lines(case: &CaseRecord, report: &RunReport, catalogue: &Catalogue) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", case.id, case.summary)];
    for id in &case.charged {
        lines.extend(requirement_lines(id, catalogue));
    }
    lines.extend(evidence_lines(case, report));
    lines.extend(mistake_lines(&case.charged, catalogue));
    lines
}

/// The lines about a thing to fix: the first requirement with its source, the witness with its evidence, and the names of
/// the other cases.
pub fn problem_lines(found: &Found<'_>, report: &RunReport, catalogue: &Catalogue) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((first, others)) = found.requirements.split_first() {
        lines.extend(requirement_lines(&first.id, catalogue));
        if !others.is_empty() {
            lines.push("For the same reason these fail:".to_owned());
        }
        let line =
            |record: &&RequirementRecord| format!("  {} ({}) {}", record.id, record.level, record.title);
        lines.extend(others.iter().map(line));
    }
    lines.push(String::new());
    lines.push(format!("{}: {}", found.witness.id, found.witness.summary));
    lines.extend(evidence_lines(found.witness, report));
    for (head, cases) in
        [("The same is seen in:", &found.others), ("Because of it, something fails in:", &found.consequences)]
    {
        if !cases.is_empty() {
            lines.push(head.to_owned());
            lines.extend(cases.iter().map(|case| format!("  {}: {}", case.id, message(case))));
        }
    }
    let foremost = found.problem.requirements.get(..1).unwrap_or_default();
    lines.extend(mistake_lines(foremost, catalogue));
    lines
}

/// The lines about a failed requirement: its first case with its evidence, and the names of the other cases.
pub fn failure_lines(record: &RequirementRecord, report: &RunReport, catalogue: &Catalogue) -> Vec<String> {
    let mut lines: Vec<String> = requirement_lines(&record.id, catalogue).collect();
    let cases = cases_charged(report, &record.id);
    if let Some((first, rest)) = cases.split_first() {
        lines.push(String::new());
        lines.push(format!("{}: {}", first.id, first.summary));
        lines.extend(evidence_lines(first, report));
        if !rest.is_empty() {
            lines.push("Failed as well:".to_owned());
            lines.extend(rest.iter().map(|case| format!("  {}: {}", case.id, message(case))));
        }
    }
    lines.extend(mistake_lines(std::slice::from_ref(&record.id), catalogue));
    lines
}

fn requirement_lines<'c>(
    id: &'c RequirementId,
    catalogue: &'c Catalogue,
) -> impl Iterator<Item = String> + 'c {
    (catalogue.find(id).into_iter()).flat_map(|entry| {
        [format!("{} ({}): {}", entry.id, entry.level, entry.text), format!("[{}]", entry.source)]
    })
}

fn evidence_lines(case: &CaseRecord, report: &RunReport) -> Vec<String> {
    let mut lines = cause_lines(case, report);
    if let (Some(expected), Some(actual)) = (&case.expected, &case.actual) {
        lines.push(format!("expected: {}", escape::line(expected)));
        lines.push(format!("got:      {}", escape::line(actual)));
    }
    lines.push(message(case));
    lines.extend(case.why.as_deref().map(escape::line));
    let ladder = ladder::lines(case, page::DEFAULT_WIDTH);
    if !ladder.is_empty() {
        lines.push(format!("The conversation ({}):", ladder::legend(case)));
        lines.extend(ladder.iter().map(|line| format!("  {}", escape::line(&line.to_string()))));
    }
    lines.extend(output_lines("standard output", &case.stdout));
    lines.extend(output_lines("standard error", &case.stderr));
    lines.push(format!("Once more: {}", command_for(case, report)));
    lines
}

fn output_lines(name: &str, text: &str) -> Vec<String> {
    let Tail { lines, note } = tail(text);
    if lines.is_empty() {
        return Vec::new();
    }
    let head = std::iter::once(format!("Its {name}{note}:"));
    head.chain(lines.into_iter().map(|line| format!("  {line}"))).collect()
}

/// The end of what the target printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Its lines, escaped, without the empty ones.
    pub lines: Vec<String>,
    /// How many lines there were, if some were left out. It follows the name of the stream.
    pub note: String,
}

/// The end of a text.
pub fn tail(text: &str) -> Tail {
    let all: Vec<String> = escape::lines(text).filter(|line| !line.is_empty()).collect();
    let hidden = all.len().saturating_sub(OUTPUT_LINES);
    let note = match hidden {
        0 => String::new(),
        _ => format!(", the last {OUTPUT_LINES} of {} lines", all.len()),
    };
    Tail { lines: all.into_iter().skip(hidden).collect(), note }
}

fn mistake_lines(ids: &[RequirementId], catalogue: &Catalogue) -> Vec<String> {
    let mistakes: Vec<&String> =
        ids.iter().filter_map(|id| catalogue.find(id)).flat_map(|entry| &entry.mistakes).collect();
    if mistakes.is_empty() {
        return Vec::new();
    }
    let head = std::iter::once("Usual mistakes behind this:".to_owned());
    head.chain(mistakes.into_iter().map(|mistake| format!("  * {mistake}"))).collect()
}

/// Whether every case that a requirement failed on is a known failure.
pub fn is_known_failure(record: &RequirementRecord, report: &RunReport) -> bool {
    let cases = cases_charged(report, &record.id);
    !cases.is_empty() && cases.iter().all(|case| Standing::of(case, report) == Standing::KnownFailure)
}
