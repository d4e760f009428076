//! What was found out about a submission, case by case, on the disk while it is graded: `--resume` reads it after a run
//! that was ended. A case that was seen only in doubt is not in it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::submission::Program;
use crate::grading::Grader;
use crate::model::event::{Event, Listener};
use crate::model::outcome::{CaseRecord, Outcome};

/// The open file of one submission: the key on the first line, then a record on each.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    error: Option<io::Error>,
}

impl Journal {
    /// Opens the file. With `resume` it returns the records of an earlier run with the same key, and goes on behind them;
    /// else, or with another key, it begins anew.
    pub(super) fn open(path: &Path, key: &str, resume: bool) -> io::Result<(Self, Vec<CaseRecord>)> {
        let known = match resume {
            true => read(path, key)?,
            false => Vec::new(),
        };
        // Written anew in any case: a run that was killed may have left half a line.
        let beginning = path.with_extension("new");
        let mut file = File::create(&beginning)?;
        writeln!(file, "{key}")?;
        for record in &known {
            write_record(&mut file, record)?;
        }
        fs::rename(&beginning, path)?;
        Ok((Self { file: OpenOptions::new().append(true).open(path)?, error: None }, known))
    }

    /// The first error of a write, if there was one.
    pub(super) fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}

impl Listener for Journal {
    fn on(&mut self, event: &Event<'_>) {
        if let Event::Finished(record) = event
            && matches!(record.outcome, Outcome::Pass | Outcome::Fail)
            && self.error.is_none()
        {
            self.error = write_record(&mut self.file, record).err();
        }
    }
}

fn write_record(file: &mut File, record: &CaseRecord) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    // In one call, so that a run that is killed leaves no mixture of lines.
    file.write_all(&line)
}

/// The records behind this key. A line that is not whole ends them.
fn read(path: &Path, key: &str) -> io::Result<Vec<CaseRecord>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file).lines();
    if lines.next().and_then(Result::ok).as_deref() != Some(key) {
        return Ok(Vec::new());
    }
    let mut known: Vec<CaseRecord> = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let Ok(record) = serde_json::from_str::<CaseRecord>(&line) else { break };
        // The later one counts: the case was seen again.
        known.retain(|earlier| earlier.id != record.id);
        known.push(record);
    }
    Ok(known)
}

/// What the records depend on: the submission's files, the cases, the options, and this program. The seed only if it was
/// asked for.
///
/// # Errors
/// A file cannot be read.
pub(super) fn key(
    program: &Program,
    arguments: &[String],
    grader: &Grader,
    seeded: bool,
) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(format!("{:?}", own_build()).as_bytes());
    let mut options = grader.options().clone();
    options.seed = if seeded { options.seed } else { 0 };
    add(&serde_json::to_vec(&options)?);
    add(&serde_json::to_vec(&grader.plan.cases)?);
    add(&serde_json::to_vec(&arguments)?);
    let files = match program.whole {
        true => files_in(&program.folder)?,
        false => vec![program.file.clone()],
    };
    for file in files {
        add(file.strip_prefix(&program.folder).unwrap_or(&file).as_os_str().as_bytes());
        let content = match file.is_symlink() {
            true => fs::read_link(&file)?.as_os_str().as_bytes().to_vec(),
            false => crate::grading::digest(&file)?.into_bytes(),
        };
        add(&content);
    }
    Ok(hex::encode(hash.finalize()))
}

/// What tells this build from another one of the same version; `None` where the system does not say.
fn own_build() -> Option<(u64, std::time::SystemTime)> {
    let executable = std::env::current_exe().ok()?.metadata().ok()?;
    Some((executable.len(), executable.modified().ok()?))
}

/// All files below a folder, sorted; links are files, and what Python compiled is not from the student.
fn files_in(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() && entry.file_name() == OsStr::new("__pycache__") => {}
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() || kind.is_symlink() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::case::Role;

    fn record(id: &str, outcome: Outcome) -> CaseRecord {
        let bare = CaseRecord::bare(id.to_owned(), String::new(), Vec::new(), Role::Server);
        CaseRecord { outcome, ..bare }
    }

    #[test]
    fn what_was_found_out_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.jsonl");
        let ids = |known: Vec<CaseRecord>| known.into_iter().map(|record| record.id).collect::<Vec<_>>();
        let (mut journal, known) = Journal::open(&path, "key", true).unwrap();
        assert!(known.is_empty());
        for (id, outcome) in
            [("a", Outcome::Pass), ("b", Outcome::Inconclusive), ("c", Outcome::Fail), ("d", Outcome::Error)]
        {
            journal.on(&Event::Finished(&record(id, outcome)));
        }
        // As a run leaves it that is killed within a write.
        journal.file.write_all(b"{\"id\": \"e\", ").unwrap();
        journal.finish().unwrap();
        let (journal, known) = Journal::open(&path, "key", true).unwrap();
        assert_eq!(ids(known), ["a", "c"]);
        drop(journal);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert!(Journal::open(&path, "another key", true).unwrap().1.is_empty());
        assert!(Journal::open(&path, "another key", false).unwrap().1.is_empty());
    }
}
