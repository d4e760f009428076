//! The runner's command line, as clap reads it: a run, or a subcommand.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::grading::options::{CaseArgs, ExploreArgs, GradeArgs, RunArgs, TimeArgs};
use crate::report::format::ReportArg;

/// Grades a network tester against the course documents, requirement by requirement.
///
/// Without a target it grades the built-in reference. Exit status: 0 every requirement at or above --fail-on holds,
/// 1 one does not, 2 the command line or a file is wrong, 3 the run, or the judgement of a requirement, could not be
/// carried out (see --fail-on-inconclusive), 4 nothing was selected, 130 interrupted.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 110)]
pub struct Cli {
    /// When to use colours; NO_COLOR and dumb terminals are respected.
    #[command(flatten)]
    pub color: colorchoice_clap::Color,
    /// A subcommand.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of a run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare two JSON reports: what was fixed, what broke, what is new
    ///
    /// Exit status: 0 nothing broke, 1 a requirement that held and counts (--fail-on of the new run) does not hold any
    /// more, 2 a file cannot be read.
    Diff {
        /// The JSON report of the run before
        #[arg(value_name = "OLD.json")]
        old: PathBuf,
        /// The JSON report of the run after
        #[arg(value_name = "NEW.json")]
        new: PathBuf,
        /// As text or as JSON
        #[arg(long, value_enum, default_value = "text")]
        format: OutputFormat,
    },
    /// Say what a requirement asks for, how it is tried, and which mistakes are usually behind a failure
    Explain {
        /// The requirement, such as INV-1
        id: String,
    },
    /// Find faults that no conversation was written for, and make each failure short
    ///
    /// Conversations are dealt from a model of the protocol: what is sent, how it is cut, who comes when, who leaves, and where.
    ///
    /// A failure counts only if it comes again alone, on a fresh start, with the full patience. The first one is told as soon as
    /// it is confirmed. Exit status: 0 nothing that counts was found, 1 something was, 2 the command line is wrong, 3 it could not
    /// be carried out, 130 interrupted: what was found until then is reported.
    Explore(Box<ExploreArgs>),
    /// Grade every submission in a folder, and make a gradebook
    ///
    /// Each file or folder below DIR is one submission, named as it is; hidden ones are passed over. A file is itself
    /// the program. In a folder it is the first of: tester (executable), tester.py, main.py, the only executable file;
    /// if a folder has nothing but one other folder, that one counts. python3 starts a file that ends in .py,
    /// anything else must be executable. The program runs with its own folder as working directory.
    ///
    /// The options of a run apply to each submission, but for --target-bin, --target-cmd and the baselines, which do not
    /// go with it; --report takes a FORMAT without a file and needs --output. A submission that cannot be started is a
    /// row that says so. Exit status: 0 all hold, 1 one does not, 3 one could not
    /// be graded, 4 DIR is empty or nothing was selected, 130 interrupted.
    Grade(Box<GradeArgs>),
    /// Make one report of the JSON reports of several runs of one target: shards, or repetitions
    ///
    /// Where two runs do not agree on a case, the case fails, and its message says so. Exit status: as of a run with
    /// these verdicts; 2 where a file cannot be read or the runs are not of one target.
    Merge {
        /// JSON reports
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// How to report, as in a run; json on standard output by default
        #[arg(long = "report", value_name = "FORMAT[=FILE]")]
        reports: Vec<ReportArg>,
        /// In the report for a person: all evidence of every problem, and a line for every requirement
        #[arg(long)]
        verbose: bool,
    },
    /// Play one case live: every step on the terminal as it happens, and the verdict with its explanation
    ///
    /// Exit status: 0 it holds, 1 it does not, 2 the command line is wrong, 3 it could not be carried out, 4 there is no
    /// such case, 130 interrupted.
    Replay(Box<CaseArgs>),
    /// Write a Python 3 script that plays the same bytes of a case at a tester on this machine, without this program
    ///
    /// The script needs Python's standard library only. It leaves out what it cannot do, and lists that in itself and on
    /// standard error.
    Reproduce(Box<ReproduceArgs>),
    /// Print the golden messages, valid and invalid, for people who write a tester in another language
    Vectors {
        /// As text or as JSON
        #[arg(long, value_enum, default_value = "text")]
        format: VectorFormat,
    },
}

/// `conformance reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The case, by its id (see --list); without brackets where it has one variant only
    #[arg(value_name = "CASE")]
    pub case: String,
    /// The script's file, written whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A folder of further conversations, beside the built-in ones
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub fixtures: Vec<PathBuf>,
    /// The times of the script.
    #[command(flatten)]
    pub times: TimeArgs,
}

/// How a subcommand prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For a person
    Text,
    /// For a program
    Json,
}

/// How `conformance vectors` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VectorFormat {
    /// A table.
    Text,
    /// One JSON document.
    Json,
}
