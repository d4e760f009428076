//! The table of variants, and checks of its entries.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use conformance::model::requirement::{Level, RequirementId};
use serde::Deserialize;

use crate::support::catalogue;
use crate::support::paths::in_crate;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Server,
    Client,
    Both,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    pub(crate) name: String,
    what: String,
    why: String,
    pub(crate) side: Side,
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) breaks: Vec<RequirementId>,
    /// Whether it costs much time in every case.
    #[serde(default)]
    pub(crate) heavy: bool,
}

#[derive(Debug, Deserialize)]
struct Table {
    variant: Vec<Variant>,
}

pub(crate) fn gallery() -> Vec<Variant> {
    let table: Table = toml::from_str(include_str!("../../../examples/legal/variants.toml")).unwrap();
    table.variant
}

#[test]
fn every_variant_is_named_once_told_and_justified() {
    let catalogue = catalogue();
    let headings = include_str!("../../../../spec/ambiguities.md");
    let mut names = BTreeSet::new();
    for variant in gallery() {
        assert!(names.insert(variant.name.clone()), "{} stands there twice", variant.name);
        assert!(variant.what.ends_with('.'), "{}: {}", variant.name, variant.what);
        let cites = catalogue.all().iter().any(|entry| variant.why.contains(&entry.id.to_string()))
            || headings
                .lines()
                .filter_map(|line| line.strip_prefix("## "))
                .any(|heading| variant.why.starts_with(heading))
            || variant.why.starts_with("protocol.md, ");
        assert!(cites, "{}: {:?} cites neither a requirement nor a heading", variant.name, variant.why);
        for id in &variant.breaks {
            let level = catalogue.all().iter().find(|entry| entry.id == *id).unwrap().level;
            assert!(level < Level::Must, "{} breaks {id}, so it is not legal", variant.name);
        }
    }
}

#[test]
fn every_variant_is_asked_for_in_the_sources() {
    let mut sources = String::new();
    read(&in_crate("examples/legal"), &mut sources);
    for variant in gallery() {
        let name = format!("\"{}\"", variant.name);
        assert!(sources.contains(&name), "nothing asks for {name}");
    }
}

/// Appends all Rust files below this folder.
fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
