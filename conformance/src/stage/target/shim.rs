//! Looks behind the shims of version managers (pyenv, rbenv), for a grading: such a shim is a shell script that looks for
//! the right version again at each start, which costs more processor time than the interpreter's own start.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::environment::{environment, search_path};
use crate::model::place::Isolation;

type Variables = Vec<(OsString, OsString)>;

/// A shim is shorter than this.
const SHIM_BYTES: u64 = 4096;

/// How long a manager may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The search path with the folder of the real interpreter first, if `program` is a script whose interpreter is a shim,
/// or is a shim itself: then it becomes the real one. The manager puts that folder there too (`pyenv exec`). It is asked
/// in `cwd`, as a file there may choose the version.
///
/// Only what the caller's own search path finds is taken for a shim. What is graded names no program that runs outside
/// the isolation.
pub fn search_path_behind_shims(program: &mut PathBuf, cwd: &Path) -> Option<OsString> {
    behind_shims(program, cwd, environment(Isolation::Host))
}

fn behind_shims(program: &mut PathBuf, cwd: &Path, variables: Variables) -> Option<OsString> {
    let path = search_path(&variables);
    let head = head_of(program)?;
    let own_name = program.file_name()?.to_str()?;
    let is_of_path = found(own_name, &path).as_ref() == Some(program);
    let (name, shim) = match of_env(&head) {
        Some(name) if !is_of_path || manager(&head).is_none() => (name, found(name, &path)?),
        _ if is_of_path => (own_name, program.clone()),
        _ => return None,
    };
    let mut ask = Command::new(manager(&head_of(&shim)?)?);
    ask.arg("which").arg(name).current_dir(cwd).env_clear().envs(variables);
    ask.stdin(Stdio::null()).stderr(Stdio::null());
    let (sender, answered) = mpsc::channel();
    thread::Builder::new().spawn(move || sender.send(ask.output())).ok()?;
    let answer = answered.recv_timeout(PATIENCE).ok()?.ok()?;
    let real = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim_end());
    let folder = real.parent().filter(|folder| folder.is_absolute() && real.is_file())?;
    if *program == shim {
        program.clone_from(&real);
    }
    std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&path))).ok()
}

fn head_of(program: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(program).ok()?.take(SHIM_BYTES).read_to_end(&mut head).ok()?;
    head.starts_with(b"#!").then(|| String::from_utf8_lossy(&head).into_owned())
}

/// The program that `env` has to find, as the first line of a script says.
fn of_env(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.strip_prefix("#!")?.split_whitespace();
    let env = words.next()?;
    let name = (Path::new(env).file_name() == Some(OsStr::new("env"))).then(|| words.next()).flatten();
    // With a slash it is a file of its own choice, and not one of the search path.
    name.filter(|name| !name.contains('/'))
}

fn found(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The manager that a shim hands over to: `exec "MANAGER" exec "$program" "$@"`.
fn manager(shim: &str) -> Option<&str> {
    shim.lines()
        .find_map(|line| line.trim().strip_prefix("exec \"")?.split_once("\" exec \"$program\""))
        .map(|(manager, _)| manager)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("#!/usr/bin/env python3\n", Some("python3"))]
    #[case::with_spaces("#! /usr/bin/env  ruby -w\n", Some("ruby"))]
    #[case::without_env("#!/usr/bin/python3\n", None)]
    #[case::a_file_of_its_own("#!/usr/bin/env /home/ada/evil\n", None)]
    #[case::below_the_folders_of_the_path("#!/usr/bin/env ../evil\n", None)]
    #[case::empty("#!\n", None)]
    fn a_script_says_what_env_has_to_find(#[case] head: &str, #[case] name: Option<&str>) {
        assert_eq!(of_env(head), name);
    }

    #[test]
    fn the_real_interpreter_comes_first() {
        use std::fs::{Permissions, create_dir_all, set_permissions, write};
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, text).unwrap();
            set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            path
        };
        let real = file("versions/1/bin/speak", "#!/bin/sh\n".to_owned());
        let manager = file("libexec/manager", format!("#!/bin/sh\necho {}\n", real.display()));
        let shim = file(
            "shims/speak",
            format!(
                "#!/bin/sh\nprogram=\"${{0##*/}}\"\nexec \"{}\" exec \"$program\" \"$@\"\n",
                manager.display()
            ),
        );
        let mut program = shim;
        let behind = |program: &mut PathBuf, variables| behind_shims(program, folder.path(), variables);
        assert_eq!(behind(&mut program, environment(Isolation::Host)), None, "it may be a student's");
        let of_path = || {
            let path = format!("{}:/usr/bin:/bin", folder.path().join("shims").display());
            vec![("PATH".into(), path.into())]
        };
        let path = behind(&mut program, of_path()).unwrap();
        assert_eq!(std::env::split_paths(&path).next().as_deref(), real.parent());
        assert_eq!(program, real);
        assert_eq!(behind(&mut program, of_path()), None, "no shim");
    }
}
