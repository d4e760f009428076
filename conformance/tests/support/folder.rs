//! A folder with programs and fixtures, in which the runner is called.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::files::put;
use super::runner::runner;

/// A folder that is deleted after its test.
pub(crate) struct Folder {
    path: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { path: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.path()
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// Adds a file, and its folders.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.with_mode(name, 0o644, content)
    }

    /// Adds a program: a script, with or without a line for its interpreter.
    pub(crate) fn with_program(self, name: &str, text: &str) -> Self {
        self.with_mode(name, 0o755, text)
    }

    fn with_mode(self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        put(&path, mode, content);
        self
    }

    pub(crate) fn with_folder(self, name: &str) -> Self {
        fs::create_dir_all(self.at(name)).unwrap();
        self
    }

    /// The runner, called in this folder.
    pub(crate) fn runner(&self) -> assert_cmd::Command {
        let mut command = runner();
        command.current_dir(self.path());
        command
    }

    /// The exit status of a refused call, and its one line on standard error.
    pub(crate) fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.runner().args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "standard output is for reports");
        assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
        let line = said.strip_prefix("conformance: ").expect(&said).trim_end();
        (output.status.code().expect("no death by a signal"), line.to_owned())
    }
}
