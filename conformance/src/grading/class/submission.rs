//! Finds the program of each submission in a folder. The help of `conformance grade` has the rules.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a submission has no program to start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum NoProgram {
    #[error("{0}")]
    Unreadable(String),
    #[error("no tester, tester.py, main.py or executable file in it")]
    Nothing,
    #[error("no tester, tester.py or main.py, and {0} executable files")]
    Several(usize),
    #[error("{0} is not executable")]
    NotExecutable(String),
}

/// One submission.
#[derive(Debug)]
pub(super) struct Submission {
    /// The name of its file or folder, as text.
    pub(super) name: String,
    /// The same name as the system has it.
    pub(super) file_name: OsString,
    /// Its program, or why there is none.
    pub(super) program: Result<Program, NoProgram>,
}

impl Submission {
    /// The folder of its program; empty if there is none.
    pub(super) fn folder(&self) -> &Path {
        self.program.as_ref().map_or(Path::new(""), |program| &program.folder)
    }
}

/// The program of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Its file, absolute.
    pub(super) file: PathBuf,
    /// Its interpreter, if it needs one.
    pub(super) interpreter: Option<&'static str>,
    /// Its folder, absolute.
    pub(super) folder: PathBuf,
    /// The whole folder is the submission, and not only the file.
    pub(super) whole: bool,
}

/// How many folders may be inside each other with nothing else in them, as unpacked archives often are.
const MOST_NESTED: usize = 4;

/// Folders that macOS and Python create. They are no submissions.
const FOREIGN: [&str; 2] = ["__MACOSX", "__pycache__"];

/// Every submission of the folder except `skip`, sorted by name.
pub(super) fn find_all(folder: &Path, skip: Option<&Path>) -> io::Result<Vec<Submission>> {
    let submissions =
        entries(&folder.canonicalize()?)?.into_iter().filter(|path| Some(path.as_path()) != skip);
    Ok(submissions
        .map(|path| {
            let file_name = path.file_name().unwrap_or_default().to_owned();
            let program = if path.is_dir() { find_in(&path, MOST_NESTED) } else { program(&path, false) };
            Submission { name: file_name.to_string_lossy().into_owned(), file_name, program }
        })
        .collect())
}

fn find_in(folder: &Path, nested: usize) -> Result<Program, NoProgram> {
    let entries = entries(folder).map_err(|error| NoProgram::Unreadable(error.to_string()))?;
    let named = |name: &str| {
        let path = folder.join(name);
        path.is_file().then_some(path)
    };
    // If a file with one of these names is not executable, that is an error. No other file is graded instead.
    if let Some(path) = ["tester", "tester.py", "main.py"].into_iter().find_map(named) {
        return program(&path, true);
    }
    let executables: Vec<&PathBuf> = entries.iter().filter(|path| is_executable(path)).collect();
    match (executables.as_slice(), entries.as_slice()) {
        ([only], _) => program(only, true),
        ([], [only]) if only.is_dir() && nested > 0 => find_in(only, nested - 1),
        ([], _) => Err(NoProgram::Nothing),
        (several, _) => Err(NoProgram::Several(several.len())),
    }
}

fn program(file: &Path, whole: bool) -> Result<Program, NoProgram> {
    let interpreter = (file.extension() == Some(OsStr::new("py"))).then_some("python3");
    if interpreter.is_none() && !is_executable(file) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(NoProgram::NotExecutable(name));
    }
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Program { file: file.to_owned(), interpreter, folder, whole })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The visible entries of a folder, sorted by name.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && !FOREIGN.iter().any(|foreign| name == *foreign) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}
