//! One grading from its options to its exit code: target, fixtures and plan, the run, the reports.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::cli::{self, ReportArg, ReportFormat, RunArgs, TargetArg};
use crate::event::Listener;
use crate::exit::Exit;
use crate::fixture::Library;
use crate::interrupt;
use crate::isolate::Isolation;
use crate::outcome::{Outcome, RequirementRecord, Summary, requirement_records};
use crate::plan::{CasePattern, Plan, Selection};
use crate::reference;
use crate::report::output::Destination;
use crate::report::progress::Progress;
use crate::report::{self, ReportOptions, RunReport, TargetInfo, Tool, json};
use crate::run::{self, Options, TargetProgram};
use crate::spec::{Catalogue, Level};

/// Why there is no verdict: the exit code and the one line that says it.
struct Refusal(Exit, String);

impl Refusal {
    fn usage(reason: impl ToString) -> Self {
        Self(Exit::Usage, reason.to_string())
    }

    fn not_carried_out(reason: impl ToString) -> Self {
        Self(Exit::NotCarriedOut, reason.to_string())
    }
}

/// Grades a target as the options say.
pub fn grade(args: &RunArgs) -> Exit {
    match try_grade(args) {
        Ok(exit) => exit,
        Err(Refusal(exit, reason)) => {
            anstream::eprintln!("conformance: {reason}");
            exit
        }
    }
}

fn try_grade(args: &RunArgs) -> Result<Exit, Refusal> {
    let catalogue = Catalogue::built_in()
        .map_err(|error| Refusal::not_carried_out(format!("spec/requirements.toml: {error}")))?;
    for id in &args.requirements {
        if catalogue.find(id).is_none() {
            return Err(Refusal::usage(format!("--requirement {id}: the catalogue has no such requirement")));
        }
    }
    let target = args.target().map_err(Refusal::usage)?;
    let tolerances = args.tolerances();
    let library = Library::load(&args.fixtures).map_err(Refusal::usage)?;
    let cases = library.cases(&catalogue, &tolerances).map_err(Refusal::usage)?;
    let (program, info) = resolve(&target, args.target_bin.is_none())?;
    let (isolation, refused) = args.isolation().map_err(|error| {
        Refusal::not_carried_out(format!("--isolation namespace: {error}; --isolation host does without"))
    })?;
    let selection = Selection {
        part: args.part.into(),
        requirements: args.requirements.clone(),
        cases: args.cases.iter().map(|text| CasePattern::new(text)).collect(),
        quick: args.quick,
        isolation,
    };
    let plan = Plan::new(cases, &catalogue, &selection);
    if plan.cases.is_empty() {
        return Err(Refusal(Exit::NothingSelected, nothing_selected(&plan)));
    }
    if args.list {
        return list(&plan, &args.reports);
    }
    let destinations = destinations(&args.reports)?;
    if let Some(reason) = refused {
        announce_host(&plan, &reason);
    }
    let options = Options {
        tolerances: tolerances.clone(),
        isolation,
        jobs: args.jobs(),
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
        fail_fast: args.fail_fast,
        cwd: std::env::current_dir().map_err(Refusal::not_carried_out)?,
    };
    let fail_on = Level::from(args.fail_on);
    let started = (jiff::Zoned::now(), Instant::now());
    interrupt::install().map_err(Refusal::not_carried_out)?;
    let mut progress = Progress::new(args.quiet);
    let listeners: &mut [&mut dyn Listener] = &mut [&mut progress];
    let ran = run::run(&plan, &program, &options, listeners);
    progress.finish();
    let cases = ran.map_err(Refusal::not_carried_out)?;
    let requirements = requirement_records(&plan, catalogue.all(), &cases);
    let report = RunReport {
        schema: report::SCHEMA,
        tool: Tool::this(),
        target: info,
        options: ReportOptions {
            part: selection.part,
            quick: args.quick,
            fail_on,
            jobs: options.jobs,
            seed: options.seed,
            tolerances,
        },
        isolation,
        started: started.0.timestamp().to_string(),
        duration: started.1.elapsed(),
        summary: Summary::of(&requirements),
        requirements,
        cases,
    };
    for (format, destination) in destinations {
        let name = destination.name();
        let written =
            report::render(format, &report, &catalogue).and_then(|document| destination.write(&document));
        written.map_err(|error| Refusal::not_carried_out(format!("--report {name}: {error}")))?;
    }
    Ok(if interrupt::came() { Exit::Interrupted } else { exit_of(&report.requirements, fail_on) })
}

/// The program behind the target's name, looked for before anything starts.
fn resolve(target: &TargetArg, in_path: bool) -> Result<(TargetProgram, TargetInfo), Refusal> {
    match target {
        TargetArg::Reference => Ok((
            TargetProgram {
                program: PathBuf::from("/proc/self/exe"),
                arg0: Some(reference::NAME.to_owned()),
                leading_args: Vec::new(),
                writable: Vec::new(),
            },
            TargetInfo { path: None, sha256: None, args: Vec::new() },
        )),
        TargetArg::Program { program, args } => {
            let resolved = cli::resolve(program, in_path).map_err(Refusal::not_carried_out)?;
            let digest = digest(&resolved)
                .map_err(|error| Refusal::not_carried_out(format!("{}: {error}", program.display())))?;
            let beside = resolved.parent().filter(|_| !in_path).map(Path::to_owned);
            Ok((
                TargetProgram {
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

fn digest(path: &Path) -> io::Result<String> {
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

fn nothing_selected(plan: &Plan) -> String {
    match plan.dropped.first() {
        Some(dropped) => format!("nothing to run: {} was left out ({})", dropped.case.id, dropped.reason),
        None => "nothing to run: no case matches --part, --requirement and --case (see --list)".to_owned(),
    }
}

fn announce_host(plan: &Plan, reason: &str) {
    let least = run::least_duration(plan, Isolation::Host).as_secs();
    anstream::eprintln!(
        "conformance: no namespaces here ({reason}): the {} cases run one by one on this host's port 5678, \
         which takes {least} s at least",
        plan.cases.len()
    );
}

fn list(plan: &Plan, reports: &[ReportArg]) -> Result<Exit, Refusal> {
    let as_json = reports.iter().any(|report| report.format == ReportFormat::Json);
    let mut out = io::stdout().lock();
    let written = if as_json { json::write_plan(plan, &mut out) } else { list_lines(plan, &mut out) };
    match written {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::not_carried_out(error)),
        _ => Ok(Exit::Holds),
    }
}

fn list_lines(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let mut lines: Vec<_> = (plan.cases.iter())
        .map(|case| {
            let ids: Vec<_> = case.requirements.iter().map(ToString::to_string).collect();
            let wait = match case.least_wait().as_secs_f64() {
                seconds if seconds >= 0.5 => format!("  (waits {seconds:.0} s)"),
                _ => String::new(),
            };
            format!("{}  {}  {}{wait}", case.id, ids.join(","), case.summary)
        })
        .chain(
            (plan.dropped.iter()).map(|dropped| format!("{}  not run: {}", dropped.case.id, dropped.reason)),
        )
        .collect();
    lines.sort();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn destinations(reports: &[ReportArg]) -> Result<Vec<(ReportFormat, Destination)>, Refusal> {
    let default = [ReportArg { format: ReportFormat::Human, file: None }];
    let reports = if reports.is_empty() { &default[..] } else { reports };
    if reports.iter().filter(|report| report.file.is_none()).count() > 1 {
        return Err(Refusal::usage(
            "--report: only one report can go to standard output, the others need =FILE",
        ));
    }
    let open = |report: &ReportArg| {
        let destination = Destination::open(report.file.as_deref()).map_err(|error| {
            let file = report.file.as_deref().unwrap_or(Path::new("-")).display();
            Refusal::usage(format!("--report {file}: {error}"))
        })?;
        Ok((report.format, destination))
    };
    reports.iter().map(open).collect()
}

/// 0 only if everything that counts was judged and holds, or was left out on request.
fn exit_of(requirements: &[RequirementRecord], fail_on: Level) -> Exit {
    let counts = |record: &&RequirementRecord| record.level >= fail_on;
    let any = |test: fn(&RequirementRecord) -> bool| requirements.iter().filter(counts).any(test);
    if any(|record| record.outcome == Outcome::Fail) || any(RequirementRecord::is_blocked) {
        return Exit::DoesNotHold;
    }
    match any(|record| matches!(record.outcome, Outcome::Error | Outcome::Inconclusive)) {
        true => Exit::NotCarriedOut,
        false => Exit::Holds,
    }
}
