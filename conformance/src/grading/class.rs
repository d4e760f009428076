//! Grades every submission of a folder, side by side, each with a report of its own, and writes a gradebook. A submission
//! that cannot be graded has a row with the reason.

mod gradebook;
mod journal;
mod submission;
mod tally;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use gradebook::{Gradebook, Row, Standing};
use journal::Journal;
use submission::{NoProgram, Program, Submission};
use tally::Tally;
use thiserror::Error;

use crate::grading::options::{self, GradeArgs};
use crate::grading::{self, Grader};
use crate::model::event::Listener;
use crate::model::exit::Exit;
use crate::model::outcome::CaseRecord;
use crate::model::refusal::{Refusal, write_line};
use crate::report::format::{ReportArg, ReportFormat};
use crate::report::output::Destination;
use crate::report::progress::Ticker;
use crate::report::set::{Reports, ReportsError};
use crate::report::{Document, TargetInfo};
use crate::run::{TargetProgram, Turn};
use crate::stage::interrupt;
use crate::stage::target::{StartError, search_path_behind_shims};
use crate::words::escape;

/// The folder of the submissions' reports, below `--output`.
const REPORTS: &str = "reports";
/// The folder of what is found out, for `--resume`.
const JOURNALS: &str = "journals";

/// Grades every submission of the folder.
pub fn grade(args: &GradeArgs) -> Exit {
    try_grade(args).unwrap_or_else(Refusal::report)
}

fn try_grade(args: &GradeArgs) -> Result<Exit, Refusal> {
    refuse_options(args)?;
    let skip = args.output.as_deref().and_then(|output| output.canonicalize().ok());
    let submissions = submission::find_all(&args.dir, skip.as_deref())
        .map_err(|error| Refusal::usage(format!("{}: {error}", args.dir.display())))?;
    if submissions.is_empty() {
        return Err(Refusal::nothing_selected(format!("{}: no submission in it", args.dir.display())));
    }
    let grader = Grader::prepare(&args.run)?;
    if args.run.list {
        return grading::list(&grader.plan, &args.run.reports);
    }
    let output = args.output.as_deref().map(Output::open).transpose()?;
    grader.announce_host();
    interrupt::install().map_err(Refusal::not_carried_out)?;

    let book =
        Gradebook { rows: Class { args, grader: &grader, output: output.as_ref() }.grade(&submissions) };
    let table = Document::Text(book.table());
    let not_written = |error| Refusal::not_carried_out(format!("the gradebook: {error}"));
    if let Some(output) = output {
        output.csv.write(&Document::Bytes(book.csv().map_err(not_written)?)).map_err(not_written)?;
        output.table.write(&table).map_err(not_written)?;
    }
    Destination::Stdout.write(&table).map_err(not_written)?;
    Ok(if interrupt::came() { Exit::Interrupted } else { book.exit() })
}

fn refuse_options(args: &GradeArgs) -> Result<(), Refusal> {
    if args.run.target.target_bin.is_some() || args.run.target.target_cmd.is_some() {
        return Err(Refusal::usage(
            "grade finds its targets in DIR: --target-bin and --target-cmd do not go with it",
        ));
    }
    if args.run.baseline.is_some() || args.run.write_baseline.is_some() {
        return Err(Refusal::usage(
            "--baseline and --write-baseline are about one target and do not go with grade",
        ));
    }
    if args.resume && (args.run.repeat > 1 || args.run.explore.is_some()) {
        return Err(Refusal::usage("--resume does not go with --repeat and --explore"));
    }
    if let Some(file) = args.run.reports.iter().find_map(|report| report.file.as_deref()) {
        return Err(Refusal::usage(format!(
            "--report ={}: grade writes a file for each submission, name the format alone",
            file.display()
        )));
    }
    if !args.run.reports.is_empty() && args.output.is_none() && !args.run.list {
        return Err(Refusal::usage("--report needs --output DIR, where the submissions' reports go"));
    }
    Ok(())
}

/// The opened files of `--output`.
struct Output {
    folder: PathBuf,
    csv: Destination,
    table: Destination,
}

impl Output {
    fn open(folder: &Path) -> Result<Self, Refusal> {
        let open = || -> io::Result<Self> {
            fs::create_dir_all(folder.join(REPORTS))?;
            fs::create_dir_all(folder.join(JOURNALS))?;
            Ok(Self {
                folder: folder.to_owned(),
                csv: Destination::open(Some(&folder.join("gradebook.csv")))?,
                table: Destination::open(Some(&folder.join("gradebook.txt")))?,
            })
        };
        open().map_err(|error| Refusal::usage(format!("--output {}: {error}", folder.display())))
    }

    /// The reports of one submission, opened.
    fn reports(&self, submission: &Submission, asked: &[ReportArg]) -> Result<Reports, ReportsError> {
        let human = [ReportArg { format: ReportFormat::Human, file: None }];
        let asked = if asked.is_empty() { &human[..] } else { asked };
        let args: Vec<ReportArg> = (asked.iter())
            .map(|arg| {
                let mut name: OsString = submission.file_name.clone();
                name.push(".");
                name.push(arg.format.extension());
                ReportArg { format: arg.format, file: Some(self.folder.join(REPORTS).join(name)) }
            })
            .collect();
        Reports::open(&args)
    }
}

/// What is the same for all submissions.
#[derive(Clone, Copy)]
struct Class<'a> {
    args: &'a GradeArgs,
    grader: &'a Grader,
    output: Option<&'a Output>,
}

impl Class<'_> {
    /// Grades all submissions, on one machine. Returns their rows, in the same order.
    fn grade(self, submissions: &[Submission]) -> Vec<Row> {
        let tally = Tally::new(submissions.len(), self.grader.plan.cases.len());
        let machine = self.grader.machine_of_a_class();
        // With --repeat the machine is not quiet when a second run begins, and an exploration takes all of it: one
        // submission after the other.
        let plain = self.args.run.repeat == 1 && self.args.run.explore.is_none();
        let Some(machine) = machine.filter(|_| plain) else {
            return submissions
                .iter()
                .map(|one| self.one(one, &mut self.grader.machine().turn(), &tally))
                .collect();
        };
        let turns: Vec<Turn<'_>> = submissions.iter().map(|_| machine.turn()).collect();
        thread::scope(|scope| {
            let ticker = (!self.args.run.quiet).then(|| tally.tell());
            let tally = &tally;
            let started: Vec<_> = (submissions.iter().zip(turns))
                .map(|(submission, mut turn)| {
                    thread::Builder::new().spawn_scoped(scope, move || self.one(submission, &mut turn, tally))
                })
                .collect();
            let rows = started.into_iter().zip(submissions).map(|(started, submission)| {
                let joined = started.map(thread::ScopedJoinHandle::join);
                match joined {
                    Ok(Ok(row)) => row,
                    Ok(Err(_)) => Row::ungraded(&submission.name, "the runner failed"),
                    Err(error) => Row::ungraded(&submission.name, &format!("cannot start a thread: {error}")),
                }
            });
            let rows = rows.collect();
            ticker.into_iter().for_each(Ticker::stop);
            rows
        })
    }

    /// What is known of a submission from an earlier run, and where to write what is found out now. `None`: there is no
    /// `--output`, or more is done than to play each case once.
    fn journal(self, submission: &Submission) -> Option<(Journal, Vec<CaseRecord>)> {
        let run = &self.args.run;
        let (output, program) = (self.output?, submission.program.as_ref().ok()?);
        if run.repeat > 1 || run.explore.is_some() {
            return None;
        }
        let mut name = submission.file_name.clone();
        name.push(".jsonl");
        let path = output.folder.join(JOURNALS).join(name);
        let opened = journal::key(program, &run.target.target_args, self.grader, run.seed.is_some())
            .and_then(|key| Journal::open(&path, &key, self.args.resume));
        opened.inspect_err(|error| warn(submission, error)).ok()
    }

    fn one(self, submission: &Submission, turn: &mut Turn<'_>, tally: &Tally) -> Row {
        let row = match interrupt::came() {
            true => Row::ungraded(&submission.name, "the run was interrupted"),
            false => grade_one(submission, self, turn, tally)
                .unwrap_or_else(|refusal| Row::ungraded(&submission.name, &refusal.1)),
        };
        if !self.args.run.quiet {
            tally.graded(&row);
        }
        row
    }
}

/// A submission is graded without a journal all the same.
fn warn(submission: &Submission, error: &io::Error) {
    write_line(format_args!("{}: --resume will grade it again: {error}", escape::line(&submission.name)));
}

/// Grades one submission.
fn grade_one(
    submission: &Submission,
    class: Class<'_>,
    turn: &mut Turn<'_>,
    tally: &Tally,
) -> Result<Row, Refusal> {
    let Class { args, grader, output } = class;
    let found = submission.program.as_ref().map_err(|none| Ungraded::NoProgram(none.clone()));
    let started = found.and_then(|found| {
        let (program, info) = start_of(found, &args.run.target.target_args)?;
        Ok((program, info, found.folder.clone()))
    });
    // The row has the name of the submission, so the reason does not need its folder.
    let ungraded = |reason: &str, folder: &Path| {
        Ok(Row::ungraded(&submission.name, &reason.replace(&format!("{}/", folder.display()), "")))
    };
    let (program, info, cwd) = match started {
        Ok(started) => started,
        Err(reason) => return ungraded(&reason.to_string(), submission.folder()),
    };
    let mut reports = match output {
        Some(output) => output.reports(submission, &args.run.reports).map_err(Refusal::usage)?,
        None => Reports::default(),
    };
    let folder = args.run.transcripts.as_ref().map(|folder| folder.join(&submission.file_name));
    let mut transcripts = grader.transcripts(folder.as_deref(), args.run.transcripts_all, &info)?;
    let (mut journal, known) =
        class.journal(submission).map_or((None, Vec::new()), |(journal, known)| (Some(journal), known));
    let mut counted = tally.listener(known.len());
    let mut listeners: Vec<&mut dyn Listener> = vec![&mut counted];
    listeners.extend(journal.as_mut().map(|journal| journal as &mut dyn Listener));
    listeners.extend(reports.listeners());
    listeners.extend(transcripts.as_mut().map(|transcripts| transcripts as &mut dyn Listener));
    let graded = grader.grade(&program, info, cwd, turn, known, &mut listeners);
    // What cannot be graded, or needs no second look, keeps nobody waiting.
    turn.end();
    let report = match graded {
        Ok(report) => report,
        Err(reason) => return ungraded(&reason.to_string(), submission.folder()),
    };
    reports.write(&report, &grader.catalogue).map_err(Refusal::not_carried_out)?;
    if let Some(Err(error)) = journal.map(Journal::finish) {
        warn(submission, &error);
    }
    grading::finish_transcripts(transcripts)?;
    let standing = match interrupt::came() {
        true => Standing::Interrupted,
        false => grading::exit_of(&report.requirements, report.options.fail_on, grader.unsure_fails).into(),
    };
    Ok(Row::graded(&submission.name, standing, &report))
}

/// Why a submission is not graded.
#[derive(Debug, Error)]
enum Ungraded {
    #[error(transparent)]
    NoProgram(#[from] NoProgram),
    #[error("{}: {source}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error(transparent)]
    Start(#[from] StartError),
}

/// How to start a program. The digest is that of the submission's file, not of its interpreter.
fn start_of(found: &Program, further: &[String]) -> Result<(TargetProgram, TargetInfo), Ungraded> {
    let digest = grading::digest(&found.file)
        .map_err(|source| Ungraded::Unreadable { file: found.file.clone(), source })?;
    let file = found.file.display().to_string();
    let (path, program, own_args) = match found.interpreter {
        Some(name) => (name.to_owned(), PathBuf::from(name), vec![file]),
        None => (file, found.file.clone(), Vec::new()),
    };
    let mut program = options::resolve(&program, found.interpreter.is_some())?;
    let args: Vec<String> = own_args.into_iter().chain(further.iter().cloned()).collect();
    Ok((
        TargetProgram {
            search_path: search_path_behind_shims(&mut program, &found.folder),
            program,
            arg0: None,
            leading_args: args.clone(),
            writable: vec![found.folder.clone()],
        },
        TargetInfo { path: Some(path), sha256: Some(digest), args },
    ))
}
