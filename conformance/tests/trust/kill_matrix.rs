//! Tests the suite itself: every mutant is graded, and must fail exactly the requirements that its fault breaks. The
//! snapshot is the kill matrix: for each requirement, the mutants that it catches. `KILL_MATRIX=full` plays every case
//! with every mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use assert_cmd::Command;
use conformance::model::outcome::Outcome;
use conformance::model::requirement::{Catalogue, Level, Part, RequirementId};
use conformance::report::RunReport;
use serde::Deserialize;

use super::is_full;
use crate::support::again::again_while;
use crate::support::at_once::at_once;
use crate::support::built::mutant;
use crate::support::catalogue;
use crate::support::listing::{Listed, listed};
use crate::support::machine::machine;
use crate::support::run::{judged_run, run};
use crate::support::runner::runner;

/// The times of these runs, about a tenth of the documents' for the timeout. Timeouts of 30 s and 60 s must still be
/// outside the window around 45 s, and a silence of 40 s must not reach the timeout, also if many gradings run at once.
const TIMES: [&str; 5] =
    ["--control-timeout=4.4s", "--early=800ms", "--late=1.2s", "--patience=2s", "--startup=8s"];

/// The timeout of the mutants: that of [`TIMES`].
const MUTANT_TIMEOUT: &str = "--target-arg=--control-timeout=4.4";

/// How many gradings run at once: most of each is waiting.
const GRADINGS_AT_ONCE: usize = 16;

/// Each mutant also plays one in so many of the sets of requirements that it does not break, and the next mutant the
/// next sets. Mutants of one area stand together, so many of them play each set. All sets would take four times as
/// long, and the legal testers check them too.
const SETS: usize = 4;

/// The case that waits for the documents' default of 30 s, too long for every mutant.
const DEFAULT_TIME: &str = "command/default-time";

#[derive(Debug, Deserialize)]
struct Gallery {
    #[serde(default)]
    group: BTreeMap<String, Vec<String>>,
    fault: Vec<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
struct Fault {
    name: String,
    breaks: Vec<RequirementId>,
    #[serde(default)]
    knock_on: BTreeMap<String, String>,
    /// Whether the runner has to wait in many of its cases: then it begins early.
    #[serde(default)]
    slow: bool,
}

/// The result of grading one mutant.
#[derive(Debug, Default)]
struct Graded {
    failed: BTreeSet<RequirementId>,
    not_judged: Vec<String>,
}

#[test]
fn every_mutant_fails_what_it_breaks_and_nothing_else() {
    let _turn = machine();
    let catalogue = catalogue();
    let gallery: Gallery = toml::from_str(include_str!("../../examples/mutant/faults.toml")).unwrap();
    // Every case of Part 1 that does not wait for long.
    let listed = listed(runner().args(TIMES).args(["--part=p1", "--quick"]));
    let extent = if is_full() { "every case" } else { "what it breaks, and a share of the rest" };
    eprintln!("{} mutants, each is played {extent}", gallery.fault.len());
    let graded = grade_all(&gallery.fault, &listed);

    let mut problems = String::new();
    let mut killers: BTreeMap<&RequirementId, Vec<&str>> = BTreeMap::new();
    for (turn, (fault, mut graded)) in gallery.fault.iter().zip(graded).enumerate() {
        let beside_others = gallery.problems(fault, &graded);
        if !beside_others.is_empty() {
            eprint!("graded again, alone, because of this: {beside_others}");
            // Many gradings ran at once. One that went wrong because of that is right when it runs alone.
            let missed = |graded: &Graded| {
                gallery.foreign(fault, graded).next().is_none() && !gallery.problems(fault, graded).is_empty()
            };
            graded = again_while(missed, || {
                grade(fault, turn, &listed, |grading, cases| judged_run(cases, grading))
            });
        }
        problems.push_str(&gallery.problems(fault, &graded));
        for id in fault.breaks.iter().filter(|id| graded.failed.contains(id)) {
            killers.entry(id).or_default().push(&fault.name);
        }
    }
    let graded_part = |part| part <= Part::P1;
    for requirement in catalogue.all().iter().filter(|entry| graded_part(entry.part)) {
        if requirement.level >= Level::Should && !killers.contains_key(&requirement.id) {
            writeln!(problems, "{}: no mutant is caught by it", requirement.id).unwrap();
        }
    }
    assert!(problems.is_empty(), "each was played {extent}\n{problems}");
    insta::assert_snapshot!(matrix(&catalogue, &gallery, &killers));
}

impl Gallery {
    /// The differences between the grading of a mutant and the gallery, one line each.
    fn problems(&self, fault: &Fault, graded: &Graded) -> String {
        let mut problems = String::new();
        for id in fault.breaks.iter().filter(|id| !graded.failed.contains(id)) {
            writeln!(problems, "{}: {id} does not catch it", fault.name).unwrap();
        }
        for id in self.foreign(fault, graded) {
            writeln!(problems, "{}: fails {id}, which it does not break", fault.name).unwrap();
        }
        for case in &graded.not_judged {
            writeln!(problems, "{}: {case}", fault.name).unwrap();
        }
        problems
    }

    /// What fails, though the mutant does not break it.
    fn foreign<'g>(
        &'g self,
        fault: &'g Fault,
        graded: &'g Graded,
    ) -> impl Iterator<Item = &'g RequirementId> {
        graded.failed.iter().filter(|id| !fault.breaks.contains(id) && !self.explains(fault, id))
    }

    /// Whether the gallery gives a reason why this requirement may fail too.
    fn explains(&self, fault: &Fault, id: &RequirementId) -> bool {
        let names = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => id.to_string().starts_with(prefix),
            None => pattern == id.to_string(),
        };
        fault.knock_on.keys().any(|key| match self.group.get(key) {
            Some(patterns) => patterns.iter().any(|pattern| names(pattern)),
            None => names(key),
        })
    }
}

fn matrix(catalogue: &Catalogue, gallery: &Gallery, killers: &BTreeMap<&RequirementId, Vec<&str>>) -> String {
    let mut text = format!("{} mutants\n\n", gallery.fault.len());
    for requirement in catalogue.all() {
        if let Some(names) = killers.get(&requirement.id) {
            let id = requirement.id.to_string();
            writeln!(text, "{id:<7} {:<6} {}", requirement.level.to_string(), names.join(", ")).unwrap();
        }
    }
    text.push_str("\nmay fail along with it\n\n");
    for fault in gallery.fault.iter().filter(|fault| !fault.knock_on.is_empty()) {
        let reasons: Vec<_> = fault.knock_on.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
        writeln!(text, "{}\n    {}", fault.name, reasons.join("\n    ")).unwrap();
    }
    text
}

/// Grades every mutant, several at once, in the order of the gallery.
fn grade_all(faults: &[Fault], listed: &[Listed]) -> Vec<Graded> {
    let mut order: Vec<usize> = (0..faults.len()).collect();
    order.sort_by_key(|&turn| !faults[turn].slow);
    let once = |grading: Grading<'_>, cases: &[&str]| run(&mut grading(cases));
    let graded = at_once(GRADINGS_AT_ONCE, &order, |_, &turn| grade(&faults[turn], turn, listed, once));
    let mut graded: Vec<_> = order.into_iter().zip(graded).collect();
    graded.sort_by_key(|&(turn, _)| turn);
    graded.into_iter().map(|(_, graded)| graded).collect()
}

/// The call of the runner that grades a mutant with these arguments more.
type Grading<'g> = &'g dyn Fn(&[&str]) -> Command;

/// Grades one, with its runs played in this way.
fn grade(
    fault: &Fault,
    turn: usize,
    listed: &[Listed],
    play: impl Fn(Grading<'_>, &[&str]) -> Result<RunReport, String>,
) -> Graded {
    let mut graded = Graded::default();
    let cases = [&["--case"], &played(fault, turn, listed)[..]].concat();
    graded.add(play(&|cases| conformance(fault, cases, true), &cases));
    if fault.breaks.iter().any(|id| id.to_string() == "CLI-10") {
        graded.add(play(&|cases| conformance(fault, cases, false), &["--case", DEFAULT_TIME]));
    }
    graded
}

/// The ids of the cases for a mutant. `turn` chooses its share of the rest.
fn played<'l>(fault: &Fault, turn: usize, listed: &'l [Listed]) -> Vec<&'l str> {
    let full = is_full();
    let mut seen = BTreeSet::new();
    let of_side = listed.iter().filter(|case| runs_faulty_code(fault, &case.id));
    let chosen = of_side.filter(|case| {
        let first = seen.insert(&case.requirements);
        let in_share = first && seen.len() % SETS == turn % SETS;
        full || in_share || case.requirements.iter().any(|id| fault.breaks.contains(id))
    });
    chosen.map(|case| case.id.as_str()).collect()
}

/// A server's fault cannot show if only a client is started, and a client's fault cannot show in a server. A fault in
/// the arguments shows in every session alike, so the valid sessions are enough.
fn runs_faulty_code(fault: &Fault, case: &str) -> bool {
    let areas: BTreeSet<&str> = fault.breaks.iter().map(RequirementId::area).collect();
    let command = case.starts_with("command/");
    match () {
        () if areas.contains("CLT") => command || case.starts_with("client/"),
        () if areas.contains("SIG") => true,
        () if areas.contains("CLI") => command || case.contains("/session/"),
        () => case.starts_with("server/") || case.starts_with("command/client-options-with-server"),
    }
}

fn conformance(fault: &Fault, cases: &[&str], quick: bool) -> Command {
    let mut command = runner();
    command.arg("--target-bin").arg(mutant()).arg(format!("--target-arg=--fault={}", fault.name));
    command.arg(MUTANT_TIMEOUT).args(TIMES).args(["--part=p1", "--jobs=2"]);
    command.args(quick.then_some("--quick")).args(cases);
    command
}

impl Graded {
    fn add(&mut self, report: Result<RunReport, String>) {
        let report = match report {
            Ok(report) => report,
            Err(said) => return self.not_judged.push(said),
        };
        let failed = report.requirements.iter().filter(|record| record.outcome == Outcome::Fail);
        self.failed.extend(failed.map(|record| record.id.clone()));
        for case in &report.cases {
            if matches!(case.outcome, Outcome::Error | Outcome::Inconclusive) {
                let message = case.message.as_deref().unwrap_or_default();
                self.not_judged.push(format!("{} is {}: {message}", case.id, case.outcome));
            }
        }
    }
}
