//! The catalogue and the built-in conversations fit together: every requirement has a case, or a reason why not.

use std::collections::BTreeSet;

use conformance::fixture::Library;
use conformance::model::case::Case;
use conformance::model::case_pattern::CasePattern;
use conformance::model::cause::Causes;
use conformance::model::requirement::{Part, RequirementId};
use conformance::model::tolerance::Tolerances;

use crate::support::catalogue;

/// Reading them refuses a fixture with an id that the catalogue does not have.
fn cases() -> Vec<Case> {
    Library::load(&[]).unwrap().cases(&catalogue(), &Tolerances::default()).unwrap()
}

fn checked(cases: &[Case]) -> BTreeSet<&RequirementId> {
    cases.iter().flat_map(|case| &case.requirements).collect()
}

#[test]
fn every_requirement_of_part_1_has_a_case_or_a_reason() {
    let cases = cases();
    let checked = checked(&cases);
    let catalogue = catalogue();
    let of_part_1 = catalogue.all().iter().filter(|requirement| requirement.part <= Part::P1);
    let forgotten = of_part_1.filter(|entry| !checked.contains(&entry.id) && entry.uncheckable.is_none());
    let forgotten: Vec<_> = forgotten.map(|entry| format!("{} ({})", entry.id, entry.title)).collect();
    assert!(forgotten.is_empty(), "neither a case nor a reason: {forgotten:?}");
}

#[test]
fn what_cannot_be_checked_is_not() {
    let cases = cases();
    let checked = checked(&cases);
    let catalogue = catalogue();
    let stale =
        catalogue.all().iter().filter(|entry| entry.uncheckable.is_some() && checked.contains(&entry.id));
    let stale: Vec<_> = stale.map(|entry| entry.id.to_string()).collect();
    assert!(stale.is_empty(), "a case, and a reason why there is none: {stale:?}");
}

#[test]
fn every_id_of_a_conversation_is_in_the_catalogue() {
    let catalogue = catalogue();
    for case in &cases() {
        let of_steps = case.steps.iter().flat_map(|step| [&step.requirement, &step.content]).flatten();
        for id in case.requirements.iter().chain(of_steps) {
            assert!(catalogue.find(id).is_some(), "{}: {id}", case.id);
        }
    }
}

#[test]
fn an_id_stands_once_in_the_catalogue() {
    let catalogue = catalogue();
    let ids: BTreeSet<_> = catalogue.all().iter().map(|entry| &entry.id).collect();
    assert_eq!(ids.len(), catalogue.all().len());
}

/// A case of a part may not need a later part: otherwise `--part` would leave out a case that it should grade.
#[test]
fn a_case_keeps_to_one_part_or_an_earlier_one() {
    let catalogue = catalogue();
    for case in &cases() {
        let part = |id: &RequirementId| catalogue.find(id).map(|entry| entry.part);
        let own = case.requirements.iter().filter_map(part).max();
        let of_steps = case.steps.iter().flat_map(|step| [&step.requirement, &step.content]).flatten();
        for id in of_steps {
            assert!(
                part(id) <= own.max(Some(Part::P1)),
                "{} rests on {id}, which is of a later part",
                case.id
            );
        }
    }
}

/// A cause of the whole run names cases that exist. Otherwise it would never be seen.
#[test]
fn every_case_of_a_cause_exists() {
    let cases = cases();
    for cause in Causes::built_in().unwrap().all() {
        for text in cause.fails.iter().chain(&cause.holds).chain(&cause.also).chain(&cause.denied_by) {
            let pattern = CasePattern::new(text);
            assert!(cases.iter().any(|case| pattern.names(&case.id)), "{}: {text}", cause.key);
        }
    }
}
