//! The options of a grading, as clap reads them, and what they mean.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use thiserror::Error;

use crate::model::case::Role;
use crate::model::place::Isolation;
use crate::model::requirement::{Level, Part, RequirementId};
use crate::model::tolerance::Tolerances;
use crate::report::format::ReportArg;
use crate::stage::isolate;
use crate::stage::target::{Launch, StartError};

/// The options of a run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The program to grade.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Grade up to this part of the course
    #[arg(long, value_enum, default_value = "p2", help_heading = "Selection")]
    pub part: PartArg,
    /// Only these requirements, such as INV-1
    #[arg(long = "requirement", value_name = "ID", num_args = 1.., help_heading = "Selection")]
    pub requirements: Vec<RequirementId>,
    /// Only cases that match: an id, or a glob such as 'server/timeout/*'
    #[arg(long = "case", value_name = "GLOB", num_args = 1.., help_heading = "Selection")]
    pub cases: Vec<String>,
    /// No case that waits longer than 5 s
    #[arg(long, help_heading = "Selection")]
    pub quick: bool,
    /// Say what would run, one case a line (JSON with --report json), and run nothing
    #[arg(long, help_heading = "Selection")]
    pub list: bool,
    /// A folder of further conversations, beside the built-in ones
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Selection")]
    pub fixtures: Vec<PathBuf>,

    /// The allowed times.
    #[command(flatten)]
    pub times: TimeArgs,

    /// How many cases work at once; those that only wait do not count [default: twice the processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Run")]
    pub jobs: Option<u16>,
    /// Where the cases run: each in namespaces of its own (Linux), or one by one on this host
    #[arg(long, value_enum, default_value = "auto", help_heading = "Run")]
    pub isolation: IsolationArg,
    /// The lowest level that counts for the exit status
    #[arg(long, value_enum, default_value = "must", value_name = "LEVEL", help_heading = "Run")]
    pub fail_on: LevelArg,
    /// Exit with 1, not 3, when a requirement that counts could not be judged because the machine was too busy
    #[arg(long, help_heading = "Run")]
    pub fail_on_inconclusive: bool,
    /// Stop at the first case that fails
    #[arg(long, help_heading = "Run")]
    pub fail_fast: bool,
    /// Run every case so often, and report a verdict that changes from run to run as inconsistent
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "Run")]
    pub repeat: u16,
    /// Explore for so long after the cases (see conformance explore); what it finds fails its requirement, marked "explored"
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Run")]
    pub explore: Option<Duration>,
    /// Let the finds of --explore take points as well: another seed may find other things
    #[arg(long, requires = "explore", help_heading = "Run")]
    pub explore_counts: bool,
    /// A file of cases that are known to fail: they count no longer, and one that passes fails the run
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub baseline: Option<PathBuf>,
    /// Write the cases that fail in this run as such a file
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub write_baseline: Option<PathBuf>,
    /// The seed of whatever is random; every run prints its own
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,

    /// How to report: human, json, jsonl, junit, tap, github, gradescope or html, with =FILE to write a file instead of
    /// standard output; may be repeated
    #[arg(long = "report", value_name = "FORMAT[=FILE]", num_args = 1.., help_heading = "Report")]
    pub reports: Vec<ReportArg>,
    /// Write the conversation of every case that fails into this folder, as a .pcapng for Wireshark; grade makes a
    /// folder in it for each submission
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub transcripts: Option<PathBuf>,
    /// With --transcripts: the conversations of the cases that pass as well
    #[arg(long, requires = "transcripts", help_heading = "Report")]
    pub transcripts_all: bool,
    /// In the report for a person: all evidence of every problem, and a line for every requirement
    #[arg(long, help_heading = "Report")]
    pub verbose: bool,
    /// No progress
    #[arg(long, help_heading = "Report")]
    pub quiet: bool,
}

/// The options that name a target.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The program to grade
    #[arg(long, value_name = "PATH", conflicts_with = "target_cmd", help_heading = "Target")]
    pub target_bin: Option<PathBuf>,
    /// The program to grade and its first arguments, such as "python3 tester.py"
    #[arg(long, value_name = "COMMAND", help_heading = "Target")]
    pub target_cmd: Option<String>,
    /// A further argument before those of each case; may be repeated
    #[arg(long = "target-arg", value_name = "ARG", allow_hyphen_values = true, help_heading = "Target")]
    pub target_args: Vec<String>,
}

/// The options for the allowed times.
#[derive(Debug, Args)]
pub struct TimeArgs {
    /// The tester's silence timeout
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "45s", help_heading = "Times")]
    pub control_timeout: Duration,
    /// How much before it a close is still right
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Times")]
    pub early: Duration,
    /// How much after it a close is still right
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s", help_heading = "Times")]
    pub late: Duration,
    /// What "promptly" means
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s", help_heading = "Times")]
    pub patience: Duration,
    /// How long the tester may take until it listens or connects
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = "Times")]
    pub startup: Duration,
}

impl TimeArgs {
    /// The same as [`Tolerances`].
    pub fn tolerances(&self) -> Tolerances {
        Tolerances {
            control_timeout: self.control_timeout,
            early: self.early,
            late: self.late,
            patience: self.patience,
            startup: self.startup,
        }
    }
}

impl IsolationArg {
    /// Where the cases run, and why not in namespaces if the system refused them.
    pub fn resolve(self) -> Result<(Isolation, Option<String>), isolate::IsolationError> {
        match self {
            Self::Host => Ok((Isolation::Host, None)),
            Self::Namespace => isolate::probe().map(|()| (Isolation::Namespace, None)),
            Self::Auto => Ok(match isolate::probe() {
                Ok(()) => (Isolation::Namespace, None),
                Err(error) => (Isolation::Host, Some(error.to_string())),
            }),
        }
    }
}

impl RunArgs {
    /// How many cases work at once.
    pub fn jobs(&self) -> usize {
        jobs(self.jobs)
    }
}

/// How many cases work at once: as asked, or twice the processors.
pub(crate) fn jobs(asked: Option<u16>) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or(2 * processors, usize::from)
}

/// Why the options name no target.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The quotes of the command do not close.
    #[error("--target-cmd: {0}")]
    Unquoted(#[from] shell_words::ParseError),
    /// The command has no word.
    #[error("--target-cmd is empty")]
    Empty,
    /// Arguments without a program.
    #[error("--target-arg needs --target-bin or --target-cmd")]
    ArgumentsAlone,
}

/// The target on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetArg {
    /// The built-in reference.
    Reference,
    /// A program and its first arguments.
    Program {
        /// As the user named it.
        program: PathBuf,
        /// The arguments before those of each case.
        args: Vec<String>,
    },
}

impl TargetArgs {
    /// The target.
    ///
    /// # Errors
    /// The command cannot be read, or there are arguments without a program.
    pub fn target(&self) -> Result<TargetArg, TargetError> {
        let (program, mut args) = match (&self.target_bin, &self.target_cmd) {
            (Some(path), _) => (path.clone(), Vec::new()),
            (None, Some(command)) => {
                let words = shell_words::split(command)?;
                let (program, args) = words.split_first().ok_or(TargetError::Empty)?;
                (PathBuf::from(program), args.to_vec())
            }
            (None, None) if self.target_args.is_empty() => return Ok(TargetArg::Reference),
            (None, None) => return Err(TargetError::ArgumentsAlone),
        };
        args.extend(self.target_args.iter().cloned());
        Ok(TargetArg::Program { program, args })
    }
}

/// Finds the target's file before the run.
pub fn resolve(program: &PathBuf, in_path: bool) -> Result<PathBuf, StartError> {
    // `--target-bin tester` means the file here, `--target-cmd python3` the one that a shell would find.
    let program = if in_path { program.clone() } else { PathBuf::from(".").join(program) };
    let cwd = std::env::current_dir()
        .map_err(|source| StartError::WorkingDirectory { cwd: PathBuf::from("."), source })?;
    let path =
        Launch { program, arg0: None, args: Vec::new(), cwd, isolation: Isolation::Host, yields: false }
            .resolve()?;
    // Removes the `./` in the middle.
    Ok(path.components().collect())
}

/// `--part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PartArg {
    /// Checkpoint 1 of Project 3
    Cp1,
    /// Project 3: the control protocol
    P1,
    /// Project 4: the measurement
    P2,
}

impl From<PartArg> for Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Cp1 => Self::Cp1,
            PartArg::P1 => Self::P1,
            PartArg::P2 => Self::P2,
        }
    }
}

/// `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LevelArg {
    /// What the documents say
    Must,
    /// What they imply as well
    Should,
    /// Good practice as well
    Harden,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Must => Self::Must,
            LevelArg::Should => Self::Should,
            LevelArg::Harden => Self::Harden,
        }
    }
}

/// `--isolation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// Namespaces where they can be had, the host otherwise
    Auto,
    /// Namespaces or nothing
    Namespace,
    /// One by one on this host's own port 5678
    Host,
}

/// The options of a class: a folder of submissions.
#[derive(Debug, Args)]
pub struct GradeArgs {
    /// The folder of the submissions
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where gradebook.csv, gradebook.txt and a report for each submission (reports/NAME.txt, or as --report says) go;
    /// made if need be [default: the table on standard output only]
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Go on where an earlier run with the same --output ended: what it has judged of the same submission with the same
    /// options is not graded again
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// The options of a run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The options of `conformance explore`.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// The program to explore.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Explore up to this part of the course: p1 the control protocol, p2 the measurement as well
    #[arg(long, value_enum, default_value = "p2", help_heading = "Selection")]
    pub part: PartArg,
    /// What the program is started as
    #[arg(long, value_enum, default_value = "both", help_heading = "Selection")]
    pub role: RoleArg,

    /// How long; a find that is being made shorter is finished first
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s", help_heading = "Run")]
    pub time: Duration,
    /// At most so many conversations
    #[arg(long, value_name = "N", value_parser = positive, help_heading = "Run")]
    pub cases: Option<usize>,
    /// Stop at the first find, and leave out what waits for a long timeout
    #[arg(long, help_heading = "Run")]
    pub fail_fast: bool,
    /// The seed of all conversations: the same seed deals the same ones
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
    /// How many conversations are played side by side [default: twice the processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Run")]
    pub jobs: Option<u16>,
    /// Where they run: in namespaces of their own (Linux), or one by one on this host
    #[arg(long, value_enum, default_value = "auto", help_heading = "Run")]
    pub isolation: IsolationArg,
    /// The lowest level that counts for the exit status
    #[arg(long, value_enum, default_value = "must", value_name = "LEVEL", help_heading = "Run")]
    pub fail_on: LevelArg,

    /// The allowed times.
    #[command(flatten)]
    pub times: TimeArgs,

    /// Write each find as a conversation into this folder, to be played with --fixtures DIR
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub save: Option<PathBuf>,
    /// How to report, as in a run
    #[arg(long = "report", value_name = "FORMAT[=FILE]", num_args = 1.., help_heading = "Report")]
    pub reports: Vec<ReportArg>,
    /// In the report for a person: all evidence of every find, and the whole table of what was tried
    #[arg(long, help_heading = "Report")]
    pub verbose: bool,
    /// Do not say what is found while it goes on
    #[arg(long, help_heading = "Report")]
    pub quiet: bool,
}

/// `--role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// With --server: the runner is its client
    Server,
    /// With --client: the runner is its server
    Client,
    /// Both in turn
    Both,
}

impl RoleArg {
    /// The roles.
    pub fn roles(self) -> Vec<Role> {
        match self {
            Self::Server => vec![Role::Server],
            Self::Client => vec![Role::Client],
            Self::Both => vec![Role::Server, Role::Client],
        }
    }
}

/// A number above zero.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("must be above zero".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

/// The options of `conformance replay`.
#[derive(Debug, Args)]
pub struct CaseArgs {
    /// The case, by its id (see --list); without brackets where it has one variant only
    #[arg(value_name = "CASE")]
    pub case: String,
    /// The program to grade.
    #[command(flatten)]
    pub target: TargetArgs,
    /// A folder of further conversations, beside the built-in ones
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Selection")]
    pub fixtures: Vec<PathBuf>,
    /// The allowed times.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Where the case runs: in namespaces of its own (Linux), or on this host
    #[arg(long, value_enum, default_value = "auto", help_heading = "Run")]
    pub isolation: IsolationArg,
    /// The seed of whatever is random; every run prints its own
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub seed: Option<u64>,
}

/// Why an option cannot have this time.
#[derive(Debug, Error)]
enum TimeError {
    #[error(transparent)]
    Seconds(#[from] std::time::TryFromFloatSecsError),
    #[error(transparent)]
    Units(#[from] humantime::DurationError),
    #[error("must be above zero")]
    Zero,
    #[error("an hour at most")]
    TooLong,
}

/// A duration such as 45s or 250ms; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, TimeError> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds)?,
        Err(_) => humantime::parse_duration(text)?,
    };
    match parsed {
        Duration::ZERO => Err(TimeError::Zero),
        duration if duration > MOST => Err(TimeError::TooLong),
        duration => Ok(duration),
    }
}

/// The longest time of an option. A longer one is a typing error.
const MOST: Duration = Duration::from_secs(3600);
