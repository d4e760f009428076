//! Reads the reports of earlier runs, for `conformance diff` and `merge`. A report of schema 1 becomes one of today. It
//! has no role, kind and test type: they come from the arguments, the id and the transcript. Its problems are found again.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::diagnose::problem;
use crate::model::case::{Kind, Role, TestType};
use crate::model::run_report::{RunReport, SCHEMA};
use crate::model::transcript::{Event, Transcript};

/// Why a file cannot be used as a report.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no report.
    #[error("{} is no JSON report of this program: {source}", path.display())]
    NoReport {
        /// The file.
        path: PathBuf,
        /// What is wrong and at which line.
        source: serde_json::Error,
    },
    /// It is a report of another version.
    #[error("{}: a report of schema {schema}, and this program reads up to {}", path.display(), SCHEMA)]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        schema: u32,
    },
}

/// Reads the report of an earlier run.
pub fn read(path: &Path) -> Result<RunReport, ReadError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let path_buf = || path.to_owned();
    let text =
        std::fs::read_to_string(path).map_err(|source| ReadError::Unreadable { path: path_buf(), source })?;
    let no_report = |source| ReadError::NoReport { path: path_buf(), source };
    match serde_json::from_str::<Version>(&text).map_err(no_report)?.schema {
        SCHEMA => serde_json::from_str(&text).map_err(no_report),
        1 => from_schema_1(&text).map_err(no_report),
        schema => Err(ReadError::OtherSchema { path: path_buf(), schema }),
    }
}

/// The fields of a case in schema 1 that are needed for the missing ones.
#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    transcript: Transcript,
}

/// Reads a report of schema 1.
fn from_schema_1(text: &str) -> serde_json::Result<RunReport> {
    // An index into a value that is no object would panic.
    let mut report: Map<String, Value> = serde_json::from_str(text)?;
    report.insert("schema".to_owned(), json!(SCHEMA));
    let known = report.get_mut("baseline").and_then(Value::as_object_mut);
    if let Some((known, fixed)) = known.and_then(|known| known.remove("mended").map(|fixed| (known, fixed))) {
        known.insert("fixed".to_owned(), fixed);
    }
    let cases = report.get_mut("cases").and_then(Value::as_array_mut);
    for value in cases.into_iter().flatten().filter_map(Value::as_object_mut) {
        let case = Case::deserialize(&*value)?;
        let role = case.role();
        value.insert("role".to_owned(), json!(role));
        value.insert("kind".to_owned(), json!(case.kind(role)));
        value.insert("test".to_owned(), json!(case.test(role)));
    }
    let mut report: RunReport = serde_json::from_value(report.into())?;
    report.problems = problem::of_run(&report.requirements, &mut report.cases, &report.options.tolerances);
    Ok(report)
}

impl Case {
    fn role(&self) -> Role {
        let has = |name: &str| self.args.iter().any(|arg| arg == name);
        let any = |test: fn(&Event) -> bool| self.transcript.entries.iter().any(|entry| test(&entry.event));
        let came = any(|event| matches!(event, Event::Opened { accepted: true, .. }));
        match (has("--server"), has("--client")) {
            (true, false) => Role::Server,
            (false, true) if came || !self.id.starts_with("command/") => Role::Client,
            (false, false) if any(|event| matches!(event, Event::Ready | Event::Connecting { .. })) => {
                Role::Server
            }
            (false, false) if came => Role::Client,
            _ => Role::Command,
        }
    }

    fn kind(&self, role: Role) -> Kind {
        match role {
            Role::Command => Kind::Invocation,
            _ if self.id.starts_with("data/") => Kind::Data,
            _ => Kind::Control,
        }
    }

    fn test(&self, role: Role) -> Option<TestType> {
        let sent = || {
            self.transcript.entries.iter().find_map(|entry| match &entry.event {
                Event::Sent { bytes, .. } => TestType::of_request(bytes),
                _ => None,
            })
        };
        match role {
            Role::Server => sent(),
            Role::Client => TestType::of_client(&self.args),
            Role::Command => None,
        }
    }
}
