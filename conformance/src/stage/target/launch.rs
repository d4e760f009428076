//! From a program's name to a running process, or to the reason why it does not run. Serves `target`.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t};
use nix::unistd::{AccessFlags, access};

use super::environment::{environment, search_path};
use crate::model::place::Isolation;
use crate::stage::sys::{ChildSetup, Image};

/// The largest file that a target may write, in bytes. In a namespace all files together have no more.
const FILE_BYTES: rlim_t = 64 * 1024 * 1024;
/// Open descriptors: the limit of most systems, so that a leak shows as on any machine.
const DESCRIPTORS: rlim_t = 1024;
/// Processor time in seconds, over all threads: a case lasts about a minute at most, so only a runaway program reaches
/// it.
const PROCESSOR_SECONDS: rlim_t = 600;
/// Processes and threads in a namespace, against fork bombs: a server with a thread for each of 200 clients fits.
const PROCESSES: rlim_t = 320;
/// How long to retry a program file that is still open for writing. A process that forks while one of its threads
/// writes the file keeps it open until the child calls `exec`: some milliseconds.
const BUSY: Duration = Duration::from_secs(1);

/// A program to start.
///
/// It leads a process group of its own, like a job of a shell. Standard input is `/dev/null`. Standard output and error
/// are two terminals (200 columns, bytes unchanged). There are no further descriptors. Signals have their defaults, the
/// umask is 022, the environment is [`environment`](super::environment). Limits: no core dumps, files of 64 MiB at
/// most, 1024 descriptors, 600 s of processor time; in a namespace also 320 processes and threads, and no capabilities.
///
/// It leads no session, as under a shell: a session leader may not call `setpgrp`. And when a leader ends, the kernel
/// sends SIGHUP to all that share its terminal: a tester that leaves processes behind would look clean. The session is
/// the worker's, which has no controlling terminal.
///
/// On a Linux host it is killed when the thread that started it ends.
#[derive(Clone, Debug)]
pub struct Launch {
    /// A path, relative to `cwd` if it is not absolute. Without a slash it is searched in PATH, as a shell does.
    pub program: PathBuf,
    /// Its `argv[0]`, if that is not `program`.
    pub arg0: Option<OsString>,
    /// Its arguments, without the name.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Where this process, the worker, runs.
    pub isolation: Isolation,
    /// Other submissions are graded at the same time: a target that works when it should wait gets the processor only
    /// when no other wants it. What fails then is seen again without this.
    pub yields: bool,
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such file, or none of that name in PATH.
    #[error("{}: no such program", .0.display())]
    NotFound(PathBuf),
    /// It is a folder.
    #[error("{}: is a directory, not a program", .0.display())]
    Directory(PathBuf),
    /// The user may not execute it.
    #[error("{}: not executable (chmod +x makes it so)", .0.display())]
    NotExecutable(PathBuf),
    /// The system cannot execute a file of this format.
    #[error("{}: neither a binary for this machine nor a script with a first line such as #!/usr/bin/env python3", .0.display())]
    UnknownFormat(PathBuf),
    /// Its first line names an interpreter that is not there.
    #[error("{}: its first line asks for the interpreter {interpreter:?}, which does not exist", .program.display())]
    NoInterpreter {
        /// The script, or the binary that needs a loader.
        program: PathBuf,
        /// As it is written there. A carriage return of a file from Windows shows as `\r`.
        interpreter: String,
    },
    /// The working directory does not exist or cannot be entered.
    #[error("{}: cannot be the working directory: {source}", .cwd.display())]
    WorkingDirectory {
        /// The directory.
        cwd: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no pseudo-terminal for its output.
    #[error("cannot open a terminal for the target's output: {0}")]
    Terminal(#[source] io::Error),
    /// Anything else.
    #[error("{}: cannot be started: {source}", .program.display())]
    Other {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Launch {
    /// The file that would be executed: an absolute path if `cwd` is one. It starts nothing, so that a run can be
    /// refused before it begins. Only [`Target::start`] shows whether the system can execute the file.
    ///
    /// # Errors
    /// Missing, a folder, or not executable.
    ///
    /// [`Target::start`]: super::Target::start
    pub fn resolve(&self) -> Result<PathBuf, StartError> {
        if self.program.as_os_str().is_empty() {
            return Err(StartError::NotFound(self.program.clone()));
        }
        if self.program.components().count() > 1 || self.program.is_absolute() || self.has_slash() {
            let path = self.cwd.join(&self.program);
            return self.executable(&path).map(|()| path);
        }
        let path = search_path(&environment(self.isolation));
        let mut reason = StartError::NotFound(self.program.clone());
        for folder in env::split_paths(&path) {
            let candidate = self.cwd.join(folder).join(&self.program);
            match self.executable(&candidate) {
                Ok(()) => return Ok(candidate),
                // A shell also continues the search, and remembers that it found a file.
                Err(StartError::NotExecutable(program)) => reason = StartError::NotExecutable(program),
                Err(_) => {}
            }
        }
        Err(reason)
    }

    /// Starts it with these as its standard output and error.
    pub(super) fn spawn(&self, stdout: OwnedFd, stderr: OwnedFd) -> Result<Child, StartError> {
        let path = self.resolve()?;
        let in_cwd = |source| StartError::WorkingDirectory { cwd: self.cwd.clone(), source };
        if !self.cwd.metadata().map_err(in_cwd)?.is_dir() {
            return Err(in_cwd(io::ErrorKind::NotADirectory.into()));
        }
        let name = self.arg0.clone().unwrap_or_else(|| self.program.clone().into_os_string());
        let args: Vec<OsString> = [name].into_iter().chain(self.args.iter().cloned()).collect();
        let image = Image::new(path.as_os_str(), &args, &environment(self.isolation))
            .map_err(|error| self.failed(error))?;

        let mut command = Command::new(&path);
        command.current_dir(&self.cwd).process_group(0).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let inside = self.isolation == Isolation::Namespace;
        let setup = ChildSetup {
            // In a namespace all processes end with the worker anyway.
            dies_with_parent: !inside,
            reset_inherited: true,
            limits: limits(self.isolation),
            drop_privileges: inside,
            image: Some(image),
            ..ChildSetup::default()
        };
        setup.install(&mut command).map_err(|error| self.failed(error))?;
        spawn_when_written(&mut command).map_err(|error| self.explain(&path, error))
    }

    pub(super) fn failed(&self, source: io::Error) -> StartError {
        StartError::Other { program: self.program.clone(), source }
    }

    fn has_slash(&self) -> bool {
        self.program.as_os_str().as_encoded_bytes().contains(&b'/')
    }

    /// Errors name the program as the caller did.
    fn executable(&self, path: &Path) -> Result<(), StartError> {
        let program = || self.program.clone();
        let metadata = path.metadata().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StartError::NotFound(program()),
            _ => self.failed(source),
        })?;
        if metadata.is_dir() {
            return Err(StartError::Directory(program()));
        }
        access(path, AccessFlags::X_OK).map_err(|_| StartError::NotExecutable(program()))
    }

    /// What a failed `execve` of `path` means. The file existed and was executable just before.
    fn explain(&self, path: &Path, error: io::Error) -> StartError {
        let program = self.program.clone();
        match error.raw_os_error() {
            Some(libc::ENOEXEC) => StartError::UnknownFormat(program),
            Some(libc::ENOENT) => match interpreter(path) {
                Some(interpreter) => StartError::NoInterpreter { program, interpreter },
                None => StartError::NotFound(program),
            },
            Some(libc::EACCES) => StartError::NotExecutable(program),
            Some(libc::EISDIR) => StartError::Directory(program),
            _ => self.failed(error),
        }
    }
}

fn spawn_when_written(command: &mut Command) -> io::Result<Child> {
    let deadline = Instant::now() + BUSY;
    loop {
        match command.spawn() {
            // There is no event to wait for.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

/// The interpreter in a script's first line, or a phrase for the loader of a binary.
fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    // The kernel reads no more of the first line.
    File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    match head.strip_prefix(b"#!") {
        Some(line) => {
            let line = line.split(|&byte| byte == b'\n').next()?;
            let word = line.split(|byte| b" \t".contains(byte)).find(|word| !word.is_empty())?;
            Some(String::from_utf8_lossy(word).into_owned())
        }
        None if head.starts_with(b"\x7fELF") => Some("its dynamic loader".to_owned()),
        None => None,
    }
}

fn limits(isolation: Isolation) -> Vec<(Resource, rlim_t, rlim_t)> {
    let mut wanted = vec![
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, FILE_BYTES),
        (Resource::RLIMIT_NOFILE, DESCRIPTORS),
        (Resource::RLIMIT_CPU, PROCESSOR_SECONDS),
    ];
    if isolation == Isolation::Namespace && counts_processes_by_namespace() {
        wanted.push((Resource::RLIMIT_NPROC, PROCESSES));
    }
    let lowered = |(resource, soft): (Resource, rlim_t)| {
        let (_, hard) = getrlimit(resource).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
        (resource, soft.min(hard), hard)
    };
    wanted.into_iter().map(lowered).collect()
}

/// True since Linux 5.14. Before, the limit counts all processes of the user, and a busy desktop has more.
fn counts_processes_by_namespace() -> bool {
    let Ok(system) = nix::sys::utsname::uname() else { return false };
    let release = system.release().to_string_lossy();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(14))
}
