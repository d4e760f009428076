//! A folder of capture files: one for every conversation that failed (or for every one), written as soon as it is over,
//! completely or not at all. The folder is tried before the run, so that a wrong one stops the runner before it grades.
//! Files of earlier runs stay, except those of a case that is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::output::Destination;
use super::{Document, RunReport, pcapng};
use crate::model::event::{Event, Listener};
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::Catalogue;

/// How the files' names end.
pub const EXTENSION: &str = "pcapng";

/// Writes the conversations of a run as they come out.
#[derive(Debug)]
pub struct Transcripts<'c> {
    folder: PathBuf,
    /// Whether conversations that passed are written too.
    all: bool,
    /// The target and the options. It has no cases.
    run: RunReport,
    catalogue: &'c Catalogue,
    /// When each running case began.
    began: BTreeMap<String, SystemTime>,
    /// Cases with a written failure. With `--repeat`, a later pass must not replace it.
    failed: BTreeSet<String>,
    /// The first failure to write, which `finish` returns.
    error: Option<io::Error>,
}

impl<'c> Transcripts<'c> {
    /// Opens the folder, and makes it if it does not exist.
    pub fn open(folder: &Path, all: bool, run: RunReport, catalogue: &'c Catalogue) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        // Shows that a file can be made. It is removed at once.
        drop(Destination::open(Some(&folder.join("tried")))?);
        Ok(Self {
            folder: folder.to_owned(),
            all,
            run,
            catalogue,
            began: BTreeMap::new(),
            failed: BTreeSet::new(),
            error: None,
        })
    }

    /// Returns the first failure to write.
    pub fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    fn finished(&mut self, case: &CaseRecord) -> io::Result<()> {
        let began = self.began.remove(&case.id).unwrap_or_else(SystemTime::now);
        let wanted = match case.outcome {
            Outcome::Fail => self.failed.insert(case.id.clone()) || self.all,
            Outcome::Pass | Outcome::Inconclusive => self.all && !self.failed.contains(&case.id),
            Outcome::Skip | Outcome::Error => false,
        };
        if !wanted {
            return Ok(());
        }
        match pcapng::render(case, &self.run, self.catalogue, began)? {
            Some(bytes) => {
                let destination = Destination::open(Some(&self.folder.join(file_name(&case.id))))?;
                destination.write(&Document::Bytes(bytes))
            }
            None => Ok(()),
        }
    }
}

impl Listener for Transcripts<'_> {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { id } => {
                self.began.insert((*id).to_owned(), SystemTime::now());
            }
            Event::Finished(case) if self.error.is_none() => {
                self.error = self.finished(case).err();
            }
            _ => {}
        }
    }
}

/// The file name of a case: its id, with dots for all letters that a shell would need in quotes.
pub fn file_name(id: &str) -> String {
    let mut name = String::new();
    for letter in id.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') => name.push(letter),
            ']' => {}
            _ if name.ends_with('.') => {}
            _ => name.push('.'),
        }
    }
    format!("{}.{EXTENSION}", name.trim_matches('.'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("server/invalid/request-version[02]", "server.invalid.request-version.02.pcapng")]
    #[case("client/session/request[TCP_RR]", "client.session.request.TCP_RR.pcapng")]
    #[case("server/x[a b][../c]", "server.x.a.b.c.pcapng")]
    fn names_are_tame(#[case] id: &str, #[case] name: &str) {
        assert_eq!(file_name(id), name);
    }
}
