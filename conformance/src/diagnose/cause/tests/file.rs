//! The recognisers and `spec/causes.toml` have the same keys and placeholders.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use super::key;
use crate::model::cause::{Causes, KnownCause};
use crate::model::outcome::CaseRecord;
use crate::model::requirement::{Catalogue, RequirementId};

/// The key of the case. The file must say that this cause breaks the case's requirement.
pub(super) fn key_of_its_own(case: &CaseRecord) -> String {
    let (key, about) = (key(case), &case.requirements[0]);
    let mut sentences = Causes::built_in().unwrap().all().iter().filter(|cause| cause.group() == key);
    let known = key == "nothing" || sentences.any(|cause| cause.requirements.contains(about));
    assert!(known, "the requirements of {key} lack {about}");
    key
}

/// Whether a recogniser names the cause by its key. Others have the words of an error, or are seen in the whole run.
fn is_named(cause: &KnownCause) -> bool {
    cause.errors.is_empty() && !cause.is_of_run()
}

/// Every `seen("key")` of the recognisers, with the placeholders of its `.with("placeholder", ...)`.
fn recognised() -> Vec<(String, BTreeSet<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnose/cause");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.is_file() && !path.ends_with("tests.rs"));
    let text: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let filled = Regex::new(r#"\.with\(\s*"(\w+)""#).unwrap();
    let recognised = text.split("seen(\"").skip(1).map(|rest| {
        let (key, rest) = rest.split_once('"').unwrap();
        (key.to_owned(), filled.captures_iter(rest).map(|found| found[1].to_owned()).collect())
    });
    recognised.collect()
}

/// The placeholders of an entry.
fn placeholders(cause: &KnownCause) -> BTreeSet<String> {
    let placeholder = Regex::new(r"\{(\w+)\}").unwrap();
    let text = [cause.group(), &cause.title, &cause.remedy].join(" ");
    placeholder.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_file_and_the_recognisers_have_the_same_keys() {
    let by_key = Causes::built_in().unwrap().all().iter().filter(|cause| is_named(cause));
    let known: BTreeSet<_> = by_key.map(|cause| cause.key.clone()).collect();
    let recognised: BTreeSet<_> = recognised().into_iter().map(|(key, _)| key).collect();
    let stale: Vec<_> = known.difference(&recognised).collect();
    let missing: Vec<_> = recognised.difference(&known).collect();
    assert!(stale.is_empty(), "spec/causes.toml has causes that nothing recognises: {stale:?}");
    assert!(missing.is_empty(), "spec/causes.toml lacks causes that are recognised: {missing:?}");
}

#[test]
fn an_entry_has_the_placeholders_that_its_recogniser_fills_in() {
    let causes = Causes::built_in().unwrap();
    for (key, filled) in recognised().iter().filter(|(key, _)| !key.starts_with("uncaught")) {
        let wanted = causes.find(key).map(placeholders);
        assert_eq!(wanted.as_ref(), Some(filled), "spec/causes.toml: {key}");
    }
    // One place fills in all of these. Not every entry uses them.
    let uncaught = BTreeSet::from(["error", "line", "place"].map(str::to_owned));
    for cause in causes.all().iter().filter(|cause| cause.key.starts_with("uncaught")) {
        assert!(placeholders(cause).is_subset(&uncaught), "{}", cause.key);
    }
}

#[test]
fn a_cause_of_the_whole_run_has_the_values_of_the_failures() {
    let all = Causes::built_in().unwrap().all();
    for cause in all.iter().filter(|cause| cause.is_of_run()) {
        let looks =
            || cause.seems.iter().flat_map(|key| all.iter().filter(move |one| one.key.starts_with(key)));
        for wanted in placeholders(cause) {
            assert!(looks().all(|look| placeholders(look).contains(&wanted)), "{}: {{{wanted}}}", cause.key);
        }
    }
}

#[test]
fn an_entry_names_what_exists() {
    let (causes, catalogue) = (Causes::built_in().unwrap(), Catalogue::built_in().unwrap());
    let keys: BTreeSet<_> = causes.all().iter().map(|cause| &cause.key).collect();
    assert_eq!(keys.len(), causes.all().len(), "two entries have one key");
    for cause in causes.all() {
        assert!(!cause.requirements.is_empty(), "{} breaks nothing", cause.key);
        for id in &cause.requirements {
            assert!(catalogue.find(id).is_some(), "{}: {id}", cause.key);
        }
        // A placeholder ends what is known of a key.
        let begins =
            |key: &str, with: &str| key.starts_with(with) || with.starts_with(key.split('{').next().unwrap());
        for effect in causes.effects(cause).chain(&cause.seems) {
            assert!(keys.iter().any(|key| begins(key, effect)), "{}: {effect}", cause.key);
        }
        for name in causes.reach(cause) {
            let known =
                |id: &RequirementId| name.parse() == Ok(id.clone()) || *name == format!("{}-*", id.area());
            assert!(catalogue.all().iter().any(|entry| known(&entry.id)), "{}: {name}", cause.key);
        }
        assert!(cause.is_of_run() || (cause.holds.is_empty() && cause.seems.is_empty()), "{}", cause.key);
    }
}
