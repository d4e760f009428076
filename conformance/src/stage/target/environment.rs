//! The environment variables of the target: few, and the same for every user. Serves `target::launch`.

use std::env;
use std::ffi::OsString;

use super::output::WINDOW;
use crate::model::place::Isolation;

/// Copied from the caller: where programs, libraries and language runtimes are, who the user is, and the time zone.
/// Variables that change how a runtime behaves (PYTHONUNBUFFERED, PYTHONSTARTUP, RUST_BACKTRACE) are not copied.
const INHERITED: [&str; 12] = [
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

/// The search path when the caller has no PATH: the usual default of a shell.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The target's whole environment.
///
/// PATH, HOME and a few more are the caller's. Messages are in English and UTF-8 (`LANG`, `LC_ALL`). The terminal is
/// plain, with 200 columns (`TERM=dumb`, `NO_COLOR`, `COLUMNS`, `LINES`). Temporary files go to `/tmp` (on a host: to
/// the caller's folder).
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
        .extend(INHERITED.iter().filter_map(|&name| env::var_os(name).map(|value| (name.into(), value))));
    if env::var_os("PATH").is_none() {
        variables.push(("PATH".into(), USUAL_PATH.into()));
    }
    variables
}

/// The search path among `variables`.
pub(super) fn search_path(variables: &[(OsString, OsString)]) -> OsString {
    variables.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default()
}
