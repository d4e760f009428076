//! `conformance explain ID`: a requirement with its source and its reading, what its cases do, the usual mistakes, and
//! the causes that a report recognises.

use crate::grading::choice;
use crate::model::case::Case;
use crate::model::cause::Causes;
use crate::model::exit::Exit;
use crate::model::refusal::Refusal;
use crate::model::requirement::{Catalogue, Level, Part, Requirement, RequirementId};
use crate::model::tolerance::Tolerances;
use crate::report::Document;
use crate::report::output::Destination;
use crate::words::page::{self, BOLD, DIM, Page, painted};
use crate::words::steps;

/// An id is suggested if it is at least this similar to the typed one (Jaro-Winkler; 1 means equal).
const NEAR: f64 = 0.75;

/// Explains the requirement of this id on standard output. An unknown id is a usage error, which suggests a similar one.
pub fn print(id: &str) -> Exit {
    try_print(id).unwrap_or_else(Refusal::report)
}

fn try_print(id: &str) -> Result<Exit, Refusal> {
    let text = explained(id, page::terminal_width())?;
    Destination::Stdout.write(&Document::Text(text)).map_err(Refusal::not_carried_out)?;
    Ok(Exit::Holds)
}

fn explained(id: &str, width: usize) -> Result<String, Refusal> {
    let catalogue = choice::catalogue()?;
    let found = id.parse::<RequirementId>().ok().and_then(|id| catalogue.find(&id));
    let requirement = found.ok_or_else(|| Refusal::usage(unknown(id, &catalogue)))?;
    let causes =
        Causes::built_in().map_err(|error| Refusal::not_carried_out(format!("spec/causes.toml: {error}")))?;
    let cases = choice::all(&[], &catalogue, &Tolerances::default())?;
    Ok(render(requirement, &cases, causes, width))
}

fn unknown(id: &str, catalogue: &Catalogue) -> String {
    let typed = id.to_ascii_uppercase();
    let likeness = |known: &Requirement| strsim::jaro_winkler(&typed, &known.id.to_string());
    let nearest = catalogue.all().iter().max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    match nearest.filter(|nearest| likeness(nearest) >= NEAR) {
        Some(nearest) => format!(
            "explain: the catalogue has no requirement `{id}`; did you mean {} ({})?",
            nearest.id, nearest.title
        ),
        None => format!(
            "explain: the catalogue has no requirement `{id}`; they are called like INV-1, see --list"
        ),
    }
}

/// The explanation as text with colours.
pub fn render(requirement: &Requirement, cases: &[Case], causes: &Causes, width: usize) -> String {
    let mut page = Page::new(width);
    page.wrapped(&format!("{}  ", painted(BOLD, &requirement.id)), &painted(BOLD, &requirement.title));
    page.wrapped("", &format!("{}; {}.", level(requirement.level), part(requirement.part)));
    page.blank();
    page.wrapped("  ", &requirement.text);
    page.blank();
    page.wrapped("  Source: ", &requirement.source);
    page.wrapped(
        "          ",
        &painted(
            DIM,
            "(P3 is the assignment, S the lecture slides, E engineering practice without a text behind it)",
        ),
    );
    if let Some(reading) = &requirement.reading {
        page.blank();
        page.wrapped("  Reading: ", reading);
    }
    write_cases(&mut page, requirement, cases);
    write_list(&mut page, "Usual mistakes behind a failure", &requirement.mistakes);
    let breaking = causes.all().iter().filter(|cause| cause.requirements.contains(&requirement.id));
    let mut titles: Vec<_> = breaking.map(|cause| cause.title.replace('{', "<").replace('}', ">")).collect();
    titles.dedup();
    write_list(&mut page, "What a report recognises by itself", &titles);
    page.into_text()
}

fn write_list(page: &mut Page, head: &str, items: &[String]) {
    if !items.is_empty() {
        page.blank();
        page.line(painted(BOLD, head));
    }
    for item in items {
        page.wrapped("  * ", item);
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST: the documents say it",
        Level::Should => "SHOULD: the documents imply it, or a sensible reading of them",
        Level::Harden => {
            "HARDEN: good practice that the documents do not ask for; it costs nothing by default"
        }
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Cp1 => "graded from Checkpoint 1 on (--part cp1)",
        Part::P1 => "graded from Project 3 on, the control protocol (--part p1)",
        Part::P2 => "graded from Project 4 on, the measurement (--part p2)",
    }
}

fn write_cases(page: &mut Page, requirement: &Requirement, cases: &[Case]) {
    let own: Vec<&Case> = cases.iter().filter(|case| case.requirements.contains(&requirement.id)).collect();
    page.blank();
    if own.is_empty() {
        let reason =
            requirement.uncheckable.as_deref().unwrap_or("no conversation of this version checks it");
        page.wrapped(&format!("{}: ", painted(BOLD, "Not checked")), reason);
        return;
    }
    page.line(painted(BOLD, "What is tried"));
    for variants in own.chunk_by(|left, right| stem(left) == stem(right)) {
        page.blank();
        write_file(page, variants);
    }
    page.blank();
    page.line(format!(
        "  All of it: conformance --target-cmd \"python3 tester.py\" --requirement {}",
        requirement.id
    ));
}

/// One fixture. Its variants do the same with other values, so only the steps of the first are written.
fn write_file(page: &mut Page, variants: &[&Case]) {
    let Some(first) = variants.first() else { return };
    page.wrapped(&format!("  {}: ", painted(BOLD, stem(first))), &first.summary);
    let named: Vec<_> = variants.iter().filter_map(|case| case.id.strip_prefix(stem(case))).collect();
    if variants.len() > 1 {
        page.wrapped("    in the variants ", &named.join(" "));
        page.line(painted(DIM, format!("    (the steps of {})", named[0])));
    }
    for (number, line) in (1..).zip(steps::words(first)) {
        let nested = line.len() - line.trim_start().len();
        page.wrapped(&format!("    {number:>2}. {}", " ".repeat(nested)), line.trim_start());
    }
    let why: Vec<_> = first.steps.iter().filter_map(|step| step.why.as_deref()).collect();
    let mut written = Vec::new();
    for why in why {
        if !written.contains(&why) {
            written.push(why);
            page.wrapped("    Why: ", why);
        }
    }
}

fn stem(case: &Case) -> &str {
    case.id.split('[').next().unwrap_or(&case.id)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn shown(id: &str, width: usize) -> String {
        anstream::adapter::strip_str(&explained(id, width).unwrap()).to_string()
    }

    #[rstest]
    #[case("INV-1", 80)]
    #[case("SRV-8", 110)]
    #[case("ABR-6", 100)]
    #[case("CLT-4", 80)]
    fn a_requirement_is_explained(#[case] id: &str, #[case] width: usize) {
        insta::assert_snapshot!(format!("explain-{id}-{width}"), shown(id, width));
    }

    #[test]
    fn every_requirement_can_be_explained_within_the_width() {
        for requirement in Catalogue::built_in().unwrap().all() {
            let text = shown(&requirement.id.to_string(), 100);
            for line in text.lines().filter(|line| line.split_whitespace().all(|word| word.len() < 60)) {
                assert!(line.chars().count() <= 100, "{}: {line}", requirement.id);
            }
        }
    }

    #[rstest]
    #[case("srv-33", Some("SRV-3"))]
    #[case("TM0-3", Some("TMO-3"))]
    #[case("INV1", Some("INV-1"))]
    #[case("quux", None)]
    fn an_unknown_id_is_refused(#[case] id: &str, #[case] nearest: Option<&str>) {
        let Refusal(exit, reason) = explained(id, 100).unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert_eq!(reason.contains("did you mean"), nearest.is_some(), "{reason}");
        assert!(reason.contains(nearest.unwrap_or("INV-1")), "{reason}");
    }
}
