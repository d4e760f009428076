//! The catalogue of causes, `spec/causes.toml`: what is usually wrong in a program that fails. `diagnose/cause/` finds
//! which entry fits a failure.

use std::collections::BTreeMap;
use std::slice;
use std::sync::LazyLock;

use serde::Deserialize;

use super::requirement::RequirementId;

const CAUSES: &str = include_str!("../../../spec/causes.toml");

/// One entry. The head of the file says what the fields are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownCause {
    /// Its name. Entries with the same name before a slash are the same cause in different sentences.
    pub key: String,
    /// Words in the last line of a stack trace that show this cause.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Whether the title only says what was seen, so that it is certain.
    #[serde(default)]
    pub certain: bool,
    /// What the program does wrong.
    pub title: String,
    /// What to look for and what to do instead.
    pub remedy: String,
    /// What it usually breaks.
    pub requirements: Vec<RequirementId>,
    /// Causes that other cases seem to have because of this one: keys, beginnings of keys, and names of groups.
    #[serde(default)]
    pub consequences: Vec<String>,
    /// Requirements that may fail because of this one in a way that has no cause of its own: ids, areas such as `TMO-*`,
    /// and names of groups.
    #[serde(default)]
    pub reaches: Vec<String>,
    /// Cases that fail if this cause is true, ids or globs. If all cases of one of them hold, it is not true.
    #[serde(default)]
    pub denied_by: Vec<String>,
    /// For a cause that only several cases together show: cases that must fail, ids or globs.
    #[serde(default)]
    pub fails: Vec<String>,
    /// Cases that must hold: if they fail in the same way, another cause is more likely.
    #[serde(default)]
    pub holds: Vec<String>,
    /// What each of the failures looks like alone: keys, or beginnings of keys. Empty: it has no cause of its own.
    #[serde(default)]
    pub seems: Vec<String>,
    /// Further cases that fail because of it, if they look like that.
    #[serde(default)]
    pub also: Vec<String>,
}

impl KnownCause {
    /// The part of the key that all sentences about this cause share.
    pub fn group(&self) -> &str {
        self.key.split('/').next().unwrap_or(&self.key)
    }

    /// Whether only several cases together show it.
    pub fn is_of_run(&self) -> bool {
        !self.fails.is_empty()
    }

    /// The part of the key before the first placeholder.
    fn stem(&self) -> &str {
        self.group().split('{').next().unwrap_or(&self.key)
    }
}

/// The whole catalogue, in the order of its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Causes {
    #[serde(rename = "group")]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(rename = "cause")]
    causes: Vec<KnownCause>,
}

impl Causes {
    /// The catalogue that was built in.
    pub fn built_in() -> Result<&'static Self, &'static toml::de::Error> {
        static BUILT_IN: LazyLock<Result<Causes, toml::de::Error>> = LazyLock::new(|| toml::from_str(CAUSES));
        BUILT_IN.as_ref()
    }

    /// Every entry, in the order of the file.
    pub fn all(&self) -> &[KnownCause] {
        &self.causes
    }

    /// The entry of this key, if there is one.
    pub fn find(&self, key: &str) -> Option<&KnownCause> {
        self.causes.iter().find(|cause| cause.key == key)
    }

    /// The entry for a stack trace with this last line.
    pub fn of_error(&self, line: &str) -> Option<&KnownCause> {
        self.causes.iter().find(|cause| cause.errors.iter().any(|error| line.contains(error)))
    }

    /// The consequences of an entry. A group is replaced by its keys.
    pub fn effects<'c>(&'c self, cause: &'c KnownCause) -> impl Iterator<Item = &'c String> {
        self.members(&cause.consequences)
    }

    /// What an entry reaches. A group is replaced by its ids and areas.
    pub fn reach<'c>(&'c self, cause: &'c KnownCause) -> impl Iterator<Item = &'c String> {
        self.members(&cause.reaches)
    }

    fn members<'c>(&'c self, names: &'c [String]) -> impl Iterator<Item = &'c String> {
        names.iter().flat_map(|name| self.groups.get(name).map_or(slice::from_ref(name), Vec::as_slice))
    }

    /// The entries with the sentences of this cause. Its key is filled in.
    fn entries<'c>(&'c self, key: &'c str) -> impl Iterator<Item = &'c KnownCause> {
        self.causes.iter().filter(move |known| match known.group().contains('{') {
            true => key.starts_with(known.stem()),
            false => key == known.group(),
        })
    }

    /// Whether `cause` probably leads to failures of cause `effect`, if one run shows both.
    pub fn explains(&self, cause: &str, effect: &str) -> bool {
        let mut effects = self.entries(cause).flat_map(|known| self.effects(known));
        cause != effect && effects.any(|key| effect.starts_with(key))
    }

    /// Whether `cause` may lead to a failure of all these requirements that has no cause of its own.
    pub fn may_break(&self, cause: &str, requirements: &[RequirementId]) -> bool {
        let reach: Vec<_> = self.entries(cause).flat_map(|known| self.reach(known)).collect();
        let reached = |id: &RequirementId| {
            let fits = |name: &&String| match name.strip_suffix("-*") {
                Some(area) => id.area() == area,
                None => id.to_string() == **name,
            };
            reach.iter().any(fits)
        };
        !requirements.is_empty() && requirements.iter().all(reached)
    }
}
