//! The requirement catalogue, `spec/requirements.toml`, as the runner reads it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const CATALOGUE: &str = include_str!("../../../spec/requirements.toml");

/// What the letters of a source mean, in one sentence for a reader.
pub const SOURCES: &str = "Sources: P3 is the assignment (Project 3), S the lecture slides, E engineering practice that no \
                           document of the course asks for.";

/// The areas of the catalogue, with their names for a reader.
const AREAS: [(&str, &str); 9] = [
    ("CLI", "command line"),
    ("SRV", "server, the valid session"),
    ("SER", "one client at a time"),
    ("INV", "invalid messages to the server"),
    ("ABR", "connections that end badly"),
    ("TMO", "the silence timeout"),
    ("SIG", "interrupt"),
    ("CLT", "client"),
    ("DAT", "measurement"),
];

/// How binding a requirement is: what the documents say, what they imply, what good practice adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good practice that the documents do not ask for.
    Harden,
    /// Implied by the documents, or a sensible reading of them.
    Should,
    /// Said by the documents.
    Must,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Harden => "HARDEN",
        })
    }
}

/// The hand-in that a requirement belongs to, in the order of the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Checkpoint 1 of Project 3.
    Cp1,
    /// Project 3: the control protocol.
    P1,
    /// Project 4: the measurement.
    P2,
}

impl Part {
    /// Its name for a reader.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cp1 => "checkpoint 1",
            Self::P1 => "Part 1",
            Self::P2 => "Part 2",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cp1 => "cp1",
            Self::P1 => "p1",
            Self::P2 => "p2",
        })
    }
}

/// One entry of the catalogue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Area and number, `TMO-3`; never renumbered.
    pub id: RequirementId,
    /// How binding it is.
    pub level: Level,
    /// The hand-in that it belongs to.
    pub part: Part,
    /// One short sentence.
    pub title: String,
    /// The normative statement.
    pub text: String,
    /// Document and section. spec/protocol.md says what P3, S and E are.
    pub source: String,
    /// The reading chosen where the documents are silent or differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// Usual mistakes that make it fail, and what to do instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
    /// Why no case can check it, if none can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncheckable: Option<String>,
}

/// An id of the catalogue, `AREA-number`. The order is by the name of the area, then by the number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequirementId {
    area: String,
    number: u16,
}

impl RequirementId {
    /// The area, three letters: CLI, SRV, SER, INV, ABR, TMO, SIG, CLT or DAT.
    pub fn area(&self) -> &str {
        &self.area
    }

    /// What the area is about, in a few words; empty for an area that the catalogue does not have.
    pub fn area_title(&self) -> &'static str {
        AREAS.iter().find(|(known, _)| *known == self.area).map_or("", |(_, title)| title)
    }
}

impl fmt::Display for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.area, self.number)
    }
}

impl FromStr for RequirementId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('-').and_then(|(area, number)| {
            let named = !area.is_empty() && area.chars().all(|letter| letter.is_ascii_alphabetic());
            Some(Self { area: named.then(|| area.to_ascii_uppercase())?, number: number.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("`{text}` is not a requirement id such as INV-1"))
    }
}

impl TryFrom<String> for RequirementId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RequirementId> for String {
    fn from(id: RequirementId) -> Self {
        id.to_string()
    }
}

/// The whole catalogue, in the order of its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(rename = "requirement")]
    requirements: Vec<Requirement>,
}

impl Catalogue {
    /// The catalogue that was built in.
    pub fn built_in() -> Result<Self, toml::de::Error> {
        toml::from_str(CATALOGUE)
    }

    /// Every requirement, in the order of the file.
    pub fn all(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The requirement of this id, if the catalogue has it.
    pub fn find(&self, id: &RequirementId) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.id == *id)
    }
}
