//! The runner in a folder of its own, with programs and fixtures to give it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// The runner's executable.
pub(crate) const RUNNER: &str = env!("CARGO_BIN_EXE_conformance");

/// A folder in which the runner is called.
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

    /// A file, whose folders are made.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A program: a script that begins with its interpreter, or does not.
    pub(crate) fn with_program(self, name: &str, text: &str) -> Self {
        let folder = self.with(name, text);
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    pub(crate) fn with_folder(self, name: &str) -> Self {
        fs::create_dir_all(self.path().join(name)).unwrap();
        self
    }

    /// The runner, called in this folder.
    pub(crate) fn runner(&self) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(RUNNER);
        // Without a terminal, the width of the help is this variable's, or 100.
        command.current_dir(self.path()).env_remove("COLUMNS");
        command
    }

    /// What a refused call says: its exit status, and the one line on standard error.
    pub(crate) fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.runner().args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "standard output is for reports");
        assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
        let line = said.strip_prefix("conformance: ").expect(&said).trim_end();
        (output.status.code().expect("no death by a signal"), line.to_owned())
    }
}
