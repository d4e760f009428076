//! Files that a test makes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file into an existing folder. Its mode says whether it is a program.
pub(crate) fn put(path: &Path, mode: u32, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
