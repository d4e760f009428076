//! `conformance explore`, and `--explore` of a run: an exploration, from its options to its report. Each find is a case
//! that fails; where a role shows none, one case that passes says what was tried.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::explore::{self, Exploration, Find, News, PlayError, Stage, Wanted};
use crate::grading::choice;
use crate::grading::conclusion::conclude;
use crate::grading::options::ExploreArgs;
use crate::grading::{self, exit_of, isolation, resolve};
use crate::model::case::Role;
use crate::model::exit::Exit;
use crate::model::explored::{Explored, ExploredFind, RoleCoverage};
use crate::model::notation::show;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::refusal::{Refusal, write_line};
use crate::model::requirement::{Catalogue, Part, RequirementId};
use crate::report::set::Reports;
use crate::report::{self, ReportOptions, RunReport};
use crate::run::{Options, TargetProgram};
use crate::stage::interrupt;

/// Why there is no exploration of checkpoint 1.
pub(crate) const NEEDS_SESSIONS: &str = "--part cp1: explore needs whole sessions, so p1 or p2";

/// How long one find may be made shorter.
const SHRINKING: Duration = Duration::from_secs(15);

/// Explores a target as the options say.
pub fn explore(args: &ExploreArgs) -> Exit {
    try_explore(args).unwrap_or_else(Refusal::report)
}

fn try_explore(args: &ExploreArgs) -> Result<Exit, Refusal> {
    let target = args.target.target().map_err(Refusal::usage)?;
    let part = Part::from(args.part);
    if part == Part::Cp1 {
        return Err(Refusal::usage(NEEDS_SESSIONS));
    }
    let (program, info) = resolve(&target, args.target.target_bin.is_none())?;
    let catalogue = choice::catalogue()?;
    let (isolation, refused) = isolation(args.isolation)?;
    let save = args.save.as_deref().map(prepared).transpose()?;
    let reports = Reports::open(&args.reports).map_err(Refusal::usage)?.verbose(args.verbose);
    if let Some(reason) = refused {
        write_line(format_args!(
            "conformance: no namespaces here ({reason}): one conversation at a time on this host"
        ));
    }
    interrupt::install().map_err(Refusal::not_carried_out)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let options = Options {
        tolerances: args.times.tolerances(),
        isolation,
        jobs: grading::options::jobs(args.jobs),
        seed,
        fail_fast: false,
        live: false,
        cwd: std::env::current_dir().map_err(Refusal::not_carried_out)?,
    };
    let report_options = ReportOptions {
        part,
        quick: false,
        fail_on: args.fail_on.into(),
        jobs: options.jobs,
        seed,
        fixtures: Vec::new(),
        tolerances: options.tolerances.clone(),
    };
    let blank = RunReport {
        started: jiff::Timestamp::now().to_string(),
        ..RunReport::blank(info, report_options, isolation)
    };
    let wanted = Wanted {
        roles: args.role.roles(),
        time: args.time,
        conversations: args.cases,
        first_only: args.fail_fast,
        seed,
        shrinking: SHRINKING,
    };
    let stage = Stage::new(&program, &catalogue, options, part == Part::P2);
    let began = Instant::now();
    let exploration = explore::explore(&stage, &wanted, &mut |news| tell(&news, args.quiet));
    let exploration = exploration.map_err(Refusal::not_carried_out)?;
    let saved = save.as_deref().map(|folder| written(folder, &exploration)).transpose()?;
    let mut report = reported(blank, &exploration, &wanted, saved);
    let ids: BTreeSet<_> = report.cases.iter().flat_map(|case| case.requirements.clone()).collect();
    conclude(&mut report, &catalogue, |id| ids.contains(id));
    report.duration = began.elapsed();
    reports.write(&report, &catalogue).map_err(Refusal::not_carried_out)?;
    Ok(match interrupt::came() {
        true => Exit::Interrupted,
        false => exit_of(&report.requirements, report.options.fail_on, false),
    })
}

/// Says on standard error what was found, as soon as it is known.
fn tell(news: &News<'_>, quiet: bool) {
    if quiet {
        return;
    }
    match news {
        News::Confirmed(record, after) => {
            let ids = report::plain::ids(&record.charged);
            let message = report::plain::message(record);
            write_line(format_args!("conformance: found after {}: {ids}: {message}", show(*after)));
        }
        News::Shrunk(find) => {
            write_line(format_args!(
                "conformance: made shorter: {} (from {} steps to {})",
                find.record.id, find.stimuli.0, find.stimuli.1
            ));
        }
    }
}

/// The folder of `--save`, made before the exploration.
fn prepared(folder: &Path) -> Result<PathBuf, Refusal> {
    fs::create_dir_all(folder.join(FOLDER))
        .map_err(|error| Refusal::usage(format!("--save {}: {error}", folder.display())))?;
    Ok(folder.to_owned())
}

/// The folder of finds below that of `--save`, which is the beginning of their ids.
const FOLDER: &str = "explored";

/// Writes every find as a fixture.
fn written(folder: &Path, exploration: &Exploration) -> Result<String, Refusal> {
    let write = |find: &Find| -> io::Result<()> {
        fs::write(folder.join(format!("{}.toml", find.record.id)), &find.fixture)
    };
    exploration
        .finds
        .iter()
        .try_for_each(write)
        .map_err(|error| Refusal::not_carried_out(format!("--save {}: {error}", folder.display())))?;
    Ok(folder.display().to_string())
}

/// The report of an exploration, before its verdicts.
fn reported(
    blank: RunReport,
    exploration: &Exploration,
    wanted: &Wanted,
    saved: Option<String>,
) -> RunReport {
    let mut cases: Vec<CaseRecord> = exploration.finds.iter().map(|find| find.record.clone()).collect();
    for role in &wanted.roles {
        if !cases.iter().any(|case| case.role == *role && case.outcome == Outcome::Fail) {
            cases.extend(nothing_found(*role, exploration));
        }
    }
    let explored = account(exploration, wanted, blank.options.part == Part::P2);
    RunReport { cases, explored: Some(Explored { saved, ..explored }), ..blank }
}

/// An exploration of a run (`--explore`): what was tried, and the finds as cases.
///
/// # Errors
/// The run cannot go on.
pub(crate) fn beside(
    program: &TargetProgram,
    catalogue: &Catalogue,
    options: Options,
    (part, time, counts): (Part, Duration, bool),
) -> Result<(Explored, Vec<CaseRecord>), PlayError> {
    let wanted = Wanted {
        roles: vec![Role::Server, Role::Client],
        time,
        conversations: None,
        first_only: false,
        seed: options.seed,
        shrinking: SHRINKING,
    };
    let stage = Stage::new(program, catalogue, options, part == Part::P2);
    let exploration = explore::explore(&stage, &wanted, &mut |_| {})?;
    let explored = Explored { counts, ..account(&exploration, &wanted, part == Part::P2) };
    Ok((explored, exploration.finds.into_iter().map(|find| find.record).collect()))
}

/// What was tried and found, for the reports.
fn account(exploration: &Exploration, wanted: &Wanted, measures: bool) -> Explored {
    let coverage = wanted.roles.iter().map(|role| RoleCoverage {
        role: *role,
        table: match role {
            Role::Client => exploration.coverage.of_client(),
            _ => exploration.coverage.of_server(measures),
        },
    });
    let finds = exploration.finds.iter().map(|find| ExploredFind {
        id: find.record.id.clone(),
        suspected: find.suspected,
        confirmed: find.confirmed,
        steps_before: find.stimuli.0,
        steps: find.stimuli.1,
        failed: find.rate.0,
        played: find.rate.1,
        smallest: find.smallest,
    });
    Explored {
        seed: wanted.seed,
        duration: exploration.duration,
        conversations: exploration.conversations,
        starts: exploration.starts,
        unconfirmed: exploration.unconfirmed.clone(),
        again: exploration.again,
        blocked: exploration.blocked,
        counts: false,
        saved: None,
        finds: finds.collect(),
        coverage: coverage.collect(),
    }
}

/// A case that passes: what was tried in a role that showed no find.
fn nothing_found(role: Role, exploration: &Exploration) -> Option<CaseRecord> {
    let held: BTreeSet<&String> =
        exploration.held.iter().filter(|(of, _)| *of == role).map(|(_, id)| id).collect();
    let requirements: Vec<RequirementId> = held.iter().filter_map(|id| id.parse().ok()).collect();
    if requirements.is_empty() {
        return None;
    }
    let summary = format!("Nothing was found in conversations with it as a {role}");
    let bare = CaseRecord::bare(format!("{FOLDER}/{role}"), summary, requirements, role);
    Some(CaseRecord { duration: exploration.duration, ..bare })
}
