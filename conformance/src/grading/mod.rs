//! A grading, from its options to its exit code: target, fixtures and plan, the run, the reports.

pub mod baseline;
pub(crate) mod choice;
pub mod class;
pub(crate) mod conclusion;
pub mod explored;
mod listing;
pub mod options;
pub mod repeat;
pub mod stored;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::diagnose::problem;
use crate::fixture::selection::Selection;
use crate::grading::baseline::Baseline;
pub(crate) use crate::grading::listing::list;
use crate::grading::options::{CaseArgs, IsolationArg, RunArgs, TargetArg};
use crate::model::case::Case;
use crate::model::case_pattern::CasePattern;
use crate::model::event::Listener;
use crate::model::exit::Exit;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord, Summary, requirement_records};
use crate::model::place::Isolation;
use crate::model::plan::Plan;
use crate::model::refusal::{Refusal, write_line};
use crate::model::requirement::{Catalogue, Level, Part};
use crate::report::output::Destination;
use crate::report::progress::Progress;
use crate::report::set::Reports;
use crate::report::transcripts::Transcripts;
use crate::report::{Document, ReportOptions, RunReport, TargetInfo};
use crate::run::{self, Machine, Options, RunError, TargetProgram, Turn};
use crate::stage::target::search_path_behind_shims;
use crate::stage::{interrupt, reference};

/// The longest `--case` in bytes. Every id is far shorter, and a glob with thousands of stars takes minutes to compile.
const LONGEST_PATTERN: usize = 300;

/// Grades a target as the options say.
pub fn grade(args: &RunArgs) -> Exit {
    try_grade(args).unwrap_or_else(Refusal::report)
}

fn try_grade(args: &RunArgs) -> Result<Exit, Refusal> {
    let target = args.target.target().map_err(Refusal::usage)?;
    let (program, info) = resolve(&target, args.target.target_bin.is_none())?;
    let grader = Grader::prepare(args)?;
    if args.list {
        return list(&grader.plan, &args.reports);
    }
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose().map_err(Refusal::usage)?;
    let new_baseline = args.write_baseline.as_deref().map(open_baseline).transpose()?;
    let reports = Reports::open(&args.reports).map_err(Refusal::usage)?;
    let mut reports = reports.verbose(args.verbose);
    let mut transcripts = grader.transcripts(args.transcripts.as_deref(), args.transcripts_all, &info)?;
    grader.announce_host();
    interrupt::install().map_err(Refusal::not_carried_out)?;
    let mut progress = Progress::new(args.quiet);
    let mut listeners: Vec<&mut dyn Listener> = vec![&mut progress];
    listeners.extend(reports.listeners());
    listeners.extend(transcripts.as_mut().map(|transcripts| transcripts as &mut dyn Listener));
    let cwd = std::env::current_dir().map_err(Refusal::not_carried_out)?;
    let machine = grader.machine();
    let graded = grader.grade(&program, info, cwd, &mut machine.turn(), Vec::new(), &mut listeners);
    progress.finish();
    let mut report = graded.map_err(Refusal::not_carried_out)?;
    report.baseline = baseline.as_ref().map(|baseline| baseline.compare(&report.cases));
    reports.write(&report, &grader.catalogue).map_err(Refusal::not_carried_out)?;
    finish_transcripts(transcripts)?;
    if let Some(destination) = new_baseline {
        let written = destination.write(&Document::Bytes(Baseline::of(&report.cases).to_text().into_bytes()));
        written.map_err(|error| Refusal::not_carried_out(format!("--write-baseline: {error}")))?;
    }
    Ok(match interrupt::came() {
        true => Exit::Interrupted,
        false => exit_with(baseline.as_ref(), &report, grader.unsure_fails),
    })
}

/// Opens the file before the run, as the reports are.
fn open_baseline(path: &Path) -> Result<Destination, Refusal> {
    Destination::open(Some(path))
        .map_err(|error| Refusal::usage(format!("--write-baseline {}: {error}", path.display())))
}

/// An error if a conversation could not be written.
pub(crate) fn finish_transcripts(transcripts: Option<Transcripts<'_>>) -> Result<(), Refusal> {
    let finished = transcripts.map_or(Ok(()), Transcripts::finish);
    finished.map_err(|error| Refusal::not_carried_out(format!("--transcripts: {error}")))
}

/// The exit code with a baseline. Known failures do not count. One that passes counts until it is out of the file.
pub(crate) fn exit_with(baseline: Option<&Baseline>, report: &RunReport, unsure_fails: bool) -> Exit {
    let Some(baseline) = baseline else {
        return exit_of(&report.requirements, report.options.fail_on, unsure_fails);
    };
    if report.baseline.as_ref().is_some_and(|comparison| !comparison.fixed.is_empty()) {
        return Exit::DoesNotHold;
    }
    let excused = |record: &&RequirementRecord| match record.outcome {
        Outcome::Fail => baseline.excuses(record, &report.cases),
        // If known failures are the only reason why it was not judged, it does not count.
        _ => record.is_blocked() && baseline.explains_block(record, &report.cases),
    };
    let left: Vec<RequirementRecord> =
        report.requirements.iter().filter(|record| !excused(record)).cloned().collect();
    exit_of(&left, report.options.fail_on, unsure_fails)
}

/// Everything that is the same for all targets of a command: the catalogue, the plan, and the options.
#[derive(Debug)]
pub(crate) struct Grader {
    pub(crate) catalogue: Catalogue,
    pub(crate) plan: Plan,
    options: ReportOptions,
    isolation: Isolation,
    /// Why there are no namespaces, if the system refused them.
    refused: Option<String>,
    fail_fast: bool,
    live: bool,
    repeat: usize,
    /// `--explore`: how long, and whether its finds take points.
    explore: Option<(Duration, bool)>,
    /// `--fail-on-inconclusive`.
    pub(crate) unsure_fails: bool,
}

impl Grader {
    /// Reads the catalogue and the fixtures, and makes the plan from the options of a run.
    pub(crate) fn prepare(args: &RunArgs) -> Result<Self, Refusal> {
        let catalogue = choice::catalogue()?;
        if let Some(text) = args.cases.iter().find(|text| text.len() > LONGEST_PATTERN) {
            let length = text.len();
            return Err(Refusal::usage(format!(
                "--case: a pattern has {LONGEST_PATTERN} bytes at most, and this one has {length}"
            )));
        }
        for id in &args.requirements {
            if catalogue.find(id).is_none() {
                return Err(Refusal::usage(format!(
                    "--requirement {id}: the catalogue has no such requirement"
                )));
            }
        }
        if args.explore.is_some() && Part::from(args.part) == Part::Cp1 {
            return Err(Refusal::usage(explored::NEEDS_SESSIONS));
        }
        let tolerances = args.times.tolerances();
        let cases = choice::all(&args.fixtures, &catalogue, &tolerances)?;
        let (isolation, refused) = isolation(args.isolation)?;
        let selection = Selection {
            part: args.part.into(),
            requirements: args.requirements.clone(),
            cases: args.cases.iter().map(|text| CasePattern::new(text)).collect(),
            quick: args.quick,
            isolation,
        };
        // Every pattern must match: a typing error is hard to see if another pattern matches.
        let idle = |pattern: &&CasePattern| !cases.iter().any(|case| pattern.names(&case.id));
        if let Some(pattern) = selection.cases.iter().find(idle) {
            let reason = format!("--case {}: there is no such case (see --list)", pattern.as_written());
            return Err(Refusal::nothing_selected(reason));
        }
        let plan = planned(cases, &catalogue, &selection)?;
        let options = ReportOptions {
            part: selection.part,
            quick: args.quick,
            fail_on: args.fail_on.into(),
            jobs: args.jobs(),
            seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
            fixtures: names(&args.fixtures),
            tolerances,
        };
        Ok(Self {
            fail_fast: args.fail_fast,
            repeat: usize::from(args.repeat),
            explore: args.explore.map(|time| (time, args.explore_counts)),
            unsure_fails: args.fail_on_inconclusive,
            ..Self::new(catalogue, plan, options, (isolation, refused))
        })
    }

    /// A grader that runs the plan once, to the end.
    fn new(
        catalogue: Catalogue,
        plan: Plan,
        options: ReportOptions,
        (isolation, refused): (Isolation, Option<String>),
    ) -> Self {
        Self {
            catalogue,
            plan,
            options,
            isolation,
            refused,
            fail_fast: false,
            live: false,
            repeat: 1,
            explore: None,
            unsure_fails: false,
        }
    }

    /// For a single case of `conformance replay`. Every level counts.
    pub(crate) fn single(args: &CaseArgs) -> Result<Self, Refusal> {
        let catalogue = choice::catalogue()?;
        let tolerances = args.times.tolerances();
        let cases = choice::all(&args.fixtures, &catalogue, &tolerances)?;
        let case = choice::one(cases, &args.case)?;
        let (isolation, refused) = isolation(args.isolation)?;
        let selection = Selection {
            part: Part::P2,
            requirements: Vec::new(),
            cases: Vec::new(),
            quick: false,
            isolation,
        };
        let plan = planned(vec![case], &catalogue, &selection)?;
        let options = ReportOptions {
            part: selection.part,
            quick: false,
            fail_on: Level::Harden,
            jobs: 1,
            seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
            fixtures: names(&args.fixtures),
            tolerances,
        };
        Ok(Self { live: true, ..Self::new(catalogue, plan, options, (isolation, refused)) })
    }

    /// Says if the cases must run one by one, and how long that takes.
    pub(crate) fn announce_host(&self) {
        let Some(reason) = &self.refused else { return };
        let least = run::least_duration(&self.plan, Isolation::Host).as_secs();
        write_line(format_args!(
            "conformance: no namespaces here ({reason}): {} one by one on this host's port 5678, which takes \
             {least} s at least",
            match self.plan.cases.len() {
                1 => "1 case runs".to_owned(),
                count => format!("{count} cases run"),
            }
        ));
    }

    /// The options that a verdict depends on.
    pub(crate) fn options(&self) -> &ReportOptions {
        &self.options
    }

    /// The machine for one target.
    pub(crate) fn machine(&self) -> Machine {
        Machine::for_one(self.options.jobs, self.isolation)
    }

    /// The machine for a class; `None` on the host, where one case runs at a time.
    pub(crate) fn machine_of_a_class(&self) -> Option<Machine> {
        let class = || Machine::for_class(self.options.jobs);
        (self.isolation == Isolation::Namespace).then(class)
    }

    /// Runs the plan against one target, started in `cwd`.
    pub(crate) fn grade(
        &self,
        program: &TargetProgram,
        target: TargetInfo,
        cwd: PathBuf,
        turn: &mut Turn<'_>,
        known: Vec<CaseRecord>,
        listeners: &mut [&mut dyn Listener],
    ) -> Result<RunReport, RunError> {
        let options = Options {
            tolerances: self.options.tolerances.clone(),
            isolation: self.isolation,
            jobs: self.options.jobs,
            seed: self.options.seed,
            fail_fast: self.fail_fast,
            live: self.live,
            cwd,
        };
        let (started, began) = (jiff::Timestamp::now(), Instant::now());
        let (mut runs, mut known) = (Vec::new(), known);
        while runs.len() < self.repeat && !interrupt::came() {
            let known = std::mem::take(&mut known);
            runs.push(run::run(&self.plan, program, &options, turn, known, listeners)?);
        }
        let mut cases = repeat::combine(runs);
        let explored = match self.explore.filter(|_| !interrupt::came()) {
            None => None,
            Some((time, counts)) => {
                let wanted = (self.options.part, time, counts);
                let beside = explored::beside(program, &self.catalogue, options, wanted);
                let (explored, finds) = beside.map_err(|error| RunError::Impossible(error.to_string()))?;
                cases.extend(finds);
                Some(explored)
            }
        };
        let requirements = requirement_records(&self.plan, self.catalogue.all(), &cases);
        let problems = problem::of_run(&requirements, &mut cases, &self.options.tolerances);
        Ok(RunReport {
            started: started.to_string(),
            duration: began.elapsed(),
            summary: Summary::of(&requirements),
            requirements,
            problems,
            cases,
            explored,
            ..self.blank_report(target)
        })
    }

    /// A report with the target and the options, but without results.
    fn blank_report(&self, target: TargetInfo) -> RunReport {
        RunReport::blank(target, self.options.clone(), self.isolation)
    }

    /// Opens the folder of `--transcripts` before the run, as the reports are.
    pub(crate) fn transcripts(
        &self,
        folder: Option<&Path>,
        all: bool,
        target: &TargetInfo,
    ) -> Result<Option<Transcripts<'_>>, Refusal> {
        let Some(folder) = folder else { return Ok(None) };
        let run = self.blank_report(target.clone());
        let opened = Transcripts::open(folder, all, run, &self.catalogue);
        opened
            .map(Some)
            .map_err(|error| Refusal::usage(format!("--transcripts {}: {error}", folder.display())))
    }
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

fn isolation(asked: IsolationArg) -> Result<(Isolation, Option<String>), Refusal> {
    asked.resolve().map_err(|error| {
        Refusal::not_carried_out(format!("--isolation namespace: {error}; --isolation host does without"))
    })
}

/// Finds the program of the target, before anything starts.
pub(crate) fn resolve(target: &TargetArg, in_path: bool) -> Result<(TargetProgram, TargetInfo), Refusal> {
    match target {
        TargetArg::Reference => Ok((
            TargetProgram {
                program: PathBuf::from("/proc/self/exe"),
                arg0: Some(reference::NAME.to_owned()),
                leading_args: Vec::new(),
                writable: Vec::new(),
                search_path: None,
            },
            TargetInfo { path: None, sha256: None, args: Vec::new() },
        )),
        TargetArg::Program { program, args } => {
            let mut resolved = options::resolve(program, in_path).map_err(Refusal::not_carried_out)?;
            let digest = digest(&resolved)
                .map_err(|error| Refusal::not_carried_out(format!("{}: {error}", program.display())))?;
            let beside = resolved.parent().filter(|_| !in_path).map(Path::to_owned);
            let cwd = std::env::current_dir().map_err(Refusal::not_carried_out)?;
            Ok((
                TargetProgram {
                    search_path: search_path_behind_shims(&mut resolved, &cwd),
                    program: resolved,
                    arg0: None,
                    leading_args: args.clone(),
                    writable: beside.into_iter().collect(),
                },
                TargetInfo {
                    path: Some(program.display().to_string()),
                    sha256: Some(digest),
                    args: args.clone(),
                },
            ))
        }
    }
}

pub(crate) fn digest(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// The plan of a selection; an error if there is nothing to run.
fn planned(cases: Vec<Case>, catalogue: &Catalogue, selection: &Selection) -> Result<Plan, Refusal> {
    let plan = Plan::new(cases, catalogue, selection);
    match plan.cases.is_empty() {
        true => Err(Refusal::nothing_selected(nothing_selected(&plan))),
        false => Ok(plan),
    }
}

fn nothing_selected(plan: &Plan) -> String {
    match plan.dropped.first() {
        Some(dropped) => format!("nothing to run: {} was left out ({})", dropped.case.id, dropped.reason),
        None => "nothing to run: no case matches --part, --requirement and --case (see --list)".to_owned(),
    }
}

/// The exit code: 0 only if everything that counts holds or was not run.
pub(crate) fn exit_of(requirements: &[RequirementRecord], fail_on: Level, unsure_fails: bool) -> Exit {
    let counts = |record: &&RequirementRecord| record.level >= fail_on;
    let any = |test: fn(&RequirementRecord) -> bool| requirements.iter().filter(counts).any(test);
    if any(|record| record.outcome == Outcome::Fail) || any(RequirementRecord::is_blocked) {
        return Exit::DoesNotHold;
    }
    if unsure_fails && any(|record| record.outcome == Outcome::Inconclusive) {
        return Exit::DoesNotHold;
    }
    match any(|record| matches!(record.outcome, Outcome::Error | Outcome::Inconclusive)) {
        true => Exit::NotCarriedOut,
        false => Exit::Holds,
    }
}
