//! Tests the suite itself: every mutant must fail exactly the requirements that its fault breaks. The snapshot is the
//! kill matrix: for each requirement, the mutants that it catches.

use std::collections::BTreeMap;
use std::fmt::Write;

use conformance::model::requirement::{Catalogue, Level, Part, RequirementId};

use super::gallery::{Gallery, extent, gallery, gradings};
use crate::support::catalogue;

#[test]
fn every_mutant_fails_what_it_breaks_and_nothing_else() {
    let (catalogue, gallery) = (catalogue(), gallery());
    let mut problems = String::new();
    let mut killers: BTreeMap<&RequirementId, Vec<&str>> = BTreeMap::new();
    for (fault, graded) in gallery.fault.iter().zip(gradings()) {
        problems.push_str(&gallery.problems(fault, graded));
        for id in fault.breaks.iter().filter(|id| graded.failed.contains(id)) {
            killers.entry(id).or_default().push(&fault.name);
        }
    }
    let graded_part = |part| part <= Part::P1;
    for requirement in catalogue.all().iter().filter(|entry| graded_part(entry.part)) {
        if requirement.level >= Level::Should && !killers.contains_key(&requirement.id) {
            writeln!(problems, "{}: no mutant is caught by it", requirement.id).unwrap();
        }
    }
    assert!(problems.is_empty(), "each was played {}\n{problems}", extent());
    insta::assert_snapshot!(matrix(&catalogue, gallery, &killers));
}

fn matrix(catalogue: &Catalogue, gallery: &Gallery, killers: &BTreeMap<&RequirementId, Vec<&str>>) -> String {
    let mut text = format!("{} mutants\n\n", gallery.fault.len());
    for requirement in catalogue.all() {
        if let Some(names) = killers.get(&requirement.id) {
            let id = requirement.id.to_string();
            writeln!(text, "{id:<7} {:<6} {}", requirement.level.to_string(), names.join(", ")).unwrap();
        }
    }
    text.push_str("\nmay fail along with it\n\n");
    for fault in gallery.fault.iter().filter(|fault| !fault.knock_on.is_empty()) {
        let reasons: Vec<_> = fault.knock_on.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
        writeln!(text, "{}\n    {}", fault.name, reasons.join("\n    ")).unwrap();
    }
    text
}
