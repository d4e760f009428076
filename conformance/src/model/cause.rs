//! The catalogue of causes, `spec/causes.toml`: what is usually wrong in a program that fails, in words for the one
//! who fixes it. The recognisers name its entries, and `conformance explain` lists them.

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
    /// What it is called, and behind a slash which of several sentences about the same cause it is.
    pub key: String,
    /// Words in the last line of a stack trace that it is for.
    #[serde(default)]
    pub errors: Vec<String>,
    /// What the program does wrong.
    pub title: String,
    /// What to look for and what to do instead.
    pub remedy: String,
    /// What it usually breaks.
    pub requirements: Vec<RequirementId>,
    /// Causes that other cases seem to have because of it: keys, their beginnings, and names of groups.
    #[serde(default)]
    pub consequences: Vec<String>,
}

impl KnownCause {
    /// What failures with this cause have in common.
    pub fn group(&self) -> &str {
        self.key.split('/').next().unwrap_or(&self.key)
    }

    /// The beginning of its key that does not depend on what was seen.
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

    /// The consequences of an entry, its groups replaced by what they stand for.
    pub fn effects<'c>(&'c self, cause: &'c KnownCause) -> impl Iterator<Item = &'c String> {
        let named = |name| self.groups.get(name).map_or(slice::from_ref(name), Vec::as_slice);
        cause.consequences.iter().flat_map(named)
    }

    /// Whether a failure of cause `effect` is probably brought about by `cause`, where both are seen in one run.
    pub fn explains(&self, cause: &str, effect: &str) -> bool {
        let behind = self.causes.iter().filter(|known| cause.starts_with(known.stem()));
        cause != effect && behind.flat_map(|known| self.effects(known)).any(|key| effect.starts_with(key))
    }
}
