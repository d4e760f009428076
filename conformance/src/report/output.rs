//! Where a report goes: standard output, or a file that is written completely or not at all. The file is opened before
//! the run, so that a wrong path stops the runner before it grades. Lines of a running run go to a [`Stream`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Document;
use crate::words::page;

/// An opened destination.
#[derive(Debug)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file. It is written under another name first, then renamed.
    File {
        /// The file under its other name.
        draft: NamedTempFile,
        /// Its final path.
        path: PathBuf,
    },
    /// A device, a pipe or the like, which a file must not replace.
    Special {
        /// The opened file.
        file: File,
        /// Its path.
        path: PathBuf,
    },
}

impl Destination {
    /// Standard output, or the file.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        if path.exists() && !path.is_file() {
            return Ok(Self::Special {
                file: OpenOptions::new().write(true).open(path)?,
                path: path.to_owned(),
            });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.metadata()?;
        let draft = tempfile::Builder::new().prefix(".conformance-").tempfile_in(folder);
        // The crate's own message has the name of the draft, which users do not know.
        let draft = draft.map_err(|error| io::Error::from(error.kind()))?;
        Ok(Self::File { draft, path: path.to_owned() })
    }

    /// Its name for an error.
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File { path, .. } | Self::Special { path, .. } => path.display().to_string(),
        }
    }

    /// The width for text, in columns.
    pub fn width(&self) -> usize {
        match self {
            Self::Stdout => page::terminal_width(),
            Self::File { .. } | Self::Special { .. } => page::DEFAULT_WIDTH,
        }
    }

    /// Writes the whole document.
    pub fn write(self, document: &Document) -> io::Result<()> {
        match document {
            Document::Text(text) => self.text(text),
            Document::Bytes(bytes) => self.bytes(bytes),
        }
    }

    /// Writes text for a person. Only a terminal gets the colours.
    fn text(self, text: &str) -> io::Result<()> {
        match self {
            Self::Stdout => tolerate_closed(anstream::stdout().lock().write_all(text.as_bytes())),
            _ => self.bytes(anstream::adapter::strip_str(text).to_string().as_bytes()),
        }
    }

    /// Writes a document for a program.
    fn bytes(self, document: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => tolerate_closed(io::stdout().lock().write_all(document)),
            Self::Special { mut file, .. } => tolerate_closed(file.write_all(document)),
            Self::File { mut draft, path } => {
                draft.write_all(document)?;
                draft.as_file().sync_all()?;
                share(&draft)?;
                draft.persist(path).map(drop).map_err(|error| error.error)
            }
        }
    }
}

/// An opened destination for lines that are written during the run. A file of an earlier run is kept until the first
/// line.
#[derive(Debug)]
pub struct Stream {
    /// `None` for standard output.
    file: Option<File>,
    begun: bool,
}

impl Stream {
    /// Standard output, or the file.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Ok(Self { file: path.map(open).transpose()?, begun: false })
    }

    /// Writes the line at once.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        let whole = format!("{line}\n");
        let Some(file) = &mut self.file else {
            let mut stdout = io::stdout().lock();
            return tolerate_closed(stdout.write_all(whole.as_bytes()).and_then(|()| stdout.flush()));
        };
        // A pipe or a device has no length to set.
        if !std::mem::replace(&mut self.begun, true) && file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        tolerate_closed(file.write_all(whole.as_bytes()))
    }
}

/// A temporary file is private. Everybody may read a report.
#[cfg(unix)]
fn share(draft: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    draft.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &NamedTempFile) -> io::Result<()> {
    Ok(())
}

/// A reader such as `head` may close the pipe early. That is no failure.
fn tolerate_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
