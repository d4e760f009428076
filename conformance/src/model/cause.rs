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
    /// What the program does wrong.
    pub title: String,
    /// What to look for and what to do instead.
    pub remedy: String,
    /// What it usually breaks.
    pub requirements: Vec<RequirementId>,
    /// Causes that other cases seem to have because of this one: keys, beginnings of keys, and names of groups.
    #[serde(default)]
    pub consequences: Vec<String>,
}

impl KnownCause {
    /// The part of the key that all sentences about this cause share.
    pub fn group(&self) -> &str {
        self.key.split('/').next().unwrap_or(&self.key)
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
        let named = |name| self.groups.get(name).map_or(slice::from_ref(name), Vec::as_slice);
        cause.consequences.iter().flat_map(named)
    }

    /// Whether `cause` probably leads to failures of cause `effect`, if one run shows both.
    pub fn explains(&self, cause: &str, effect: &str) -> bool {
        let entries = self.causes.iter().filter(|known| cause.starts_with(known.stem()));
        cause != effect && entries.flat_map(|known| self.effects(known)).any(|key| effect.starts_with(key))
    }
}
