//! The built-in reference: the project's own tester, which is the default target. It is this executable under another
//! name, so that it is started, isolated and judged like any other program.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// The name (`argv[0]`) under which this executable is the reference tester.
pub const NAME: &str = "tester";

/// Whether this process was started as the reference.
pub fn is_called(arg0: Option<&OsStr>) -> bool {
    arg0.map(Path::new).and_then(Path::file_name) == Some(OsStr::new(NAME))
}

/// Runs the tester.
pub fn main() -> ExitCode {
    tester::run_from(std::env::args_os())
}
