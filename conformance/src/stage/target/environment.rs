//! The environment variables of the target: few, and the same whoever runs it. Serves `target::launch`.

use std::env;
use std::ffi::OsString;

use super::output::WINDOW;
use crate::model::place::Isolation;

/// Where programs, libraries and language runtimes are found, and who the user is: taken over as they are. Not among
/// them is whatever changes how a runtime behaves (PYTHONUNBUFFERED, PYTHONSTARTUP, RUST_BACKTRACE, and the like).
const TAKEN_OVER: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TZ",
    "LD_LIBRARY_PATH",
    "JAVA_HOME",
    "DOTNET_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "RBENV_ROOT",
];

/// Where programs are looked for when the caller has no PATH: the usual default of a shell.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The target's whole environment.
///
/// PATH, HOME and a few more are the caller's; messages are in English and UTF-8 (`LANG`, `LC_ALL`); the terminal
/// is a plain one of 200 columns (`TERM=dumb`, `NO_COLOR`, `COLUMNS`, `LINES`); temporary files go to `/tmp` (on a
/// host: where the caller's go).
pub fn environment(isolation: Isolation) -> Vec<(OsString, OsString)> {
    let (columns, rows) = WINDOW;
    let temporary = match isolation {
        Isolation::Namespace => "/tmp".into(),
        Isolation::Host => env::temp_dir().into_os_string(),
    };
    let mut variables: Vec<(OsString, OsString)> = vec![
        ("LANG".into(), "C.UTF-8".into()),
        ("LC_ALL".into(), "C.UTF-8".into()),
        ("TERM".into(), "dumb".into()),
        ("NO_COLOR".into(), "1".into()),
        ("COLUMNS".into(), columns.to_string().into()),
        ("LINES".into(), rows.to_string().into()),
        ("TMPDIR".into(), temporary),
    ];
    variables
        .extend(TAKEN_OVER.iter().filter_map(|&name| env::var_os(name).map(|value| (name.into(), value))));
    if env::var_os("PATH").is_none() {
        variables.push(("PATH".into(), USUAL_PATH.into()));
    }
    variables
}

/// The search path among `variables`.
pub(super) fn search_path(variables: &[(OsString, OsString)]) -> OsString {
    variables.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default()
}
