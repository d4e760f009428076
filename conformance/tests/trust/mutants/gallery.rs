//! The wrong testers of `examples/mutant`, and their gradings: each is graded once, for all tests of this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::OnceLock;

use assert_cmd::Command;
use conformance::model::case_pattern::CasePattern;
use conformance::model::cause::Causes;
use conformance::model::outcome::Outcome;
use conformance::model::problem::Problem;
use conformance::model::requirement::RequirementId;
use conformance::report::format::ReportFormat;
use conformance::report::human::Detail;
use conformance::report::{Document, RunReport, render};
use serde::Deserialize;

use crate::support::again::again_while;
use crate::support::at_once::at_once;
use crate::support::built::mutant;
use crate::support::catalogue;
use crate::support::listing::{Listed, listed};
use crate::support::machine::machine;
use crate::support::run::{judged_run, run};
use crate::support::runner::runner;
use crate::trust::is_full;

/// The times of these runs, about a tenth of the documents' for the timeout. Timeouts of 30 s and 60 s must still be
/// outside the window around 45 s, and a silence of 40 s must not reach the timeout, also if many gradings run at once.
const TIMES: [&str; 5] =
    ["--control-timeout=4.4s", "--early=800ms", "--late=1.2s", "--patience=2s", "--startup=8s"];

/// The timeout of the mutants: that of [`TIMES`].
const MUTANT_TIMEOUT: &str = "--target-arg=--control-timeout=4.4";

/// How many gradings run at once: most of each is waiting.
const GRADINGS_AT_ONCE: usize = 16;

/// Each mutant also plays one in so many of the sets of requirements that it does not break. Its name chooses them, so
/// that a new mutant, or a new set, changes nothing for the others. Many mutants play each set. All sets would take four
/// times as long, and the legal testers check them too.
const SETS: u32 = 4;

/// The width of the reports for a person.
const COLUMNS: usize = 100;

/// The case that waits for the documents' default of 30 s, too long for every mutant.
const DEFAULT_TIME: &str = "command/default-time";

#[derive(Debug, Deserialize)]
pub(super) struct Gallery {
    #[serde(default)]
    group: BTreeMap<String, Vec<String>>,
    pub(super) fault: Vec<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) breaks: Vec<RequirementId>,
    /// The key of the cause that its report must name.
    pub(super) cause: String,
    #[serde(default)]
    pub(super) knock_on: BTreeMap<String, String>,
    /// Whether the runner has to wait in many of its cases: then it begins early.
    #[serde(default)]
    slow: bool,
}

/// The result of grading one mutant.
#[derive(Debug, Default)]
pub(super) struct Graded {
    pub(super) failed: BTreeSet<RequirementId>,
    not_judged: Vec<String>,
    /// What its report says that there is to fix.
    pub(super) problems: Vec<Problem>,
    /// Its report for a person, without colours, as wide as [`COLUMNS`].
    pub(super) text: String,
}

/// The wrong testers.
pub(super) fn gallery() -> &'static Gallery {
    static GALLERY: OnceLock<Gallery> = OnceLock::new();
    GALLERY.get_or_init(|| toml::from_str(include_str!("../../../examples/mutant/faults.toml")).unwrap())
}

/// What each of them was played.
pub(super) fn extent() -> &'static str {
    if is_full() { "every case" } else { "what it breaks, and a share of the rest" }
}

/// Their gradings, in the order of the gallery.
pub(super) fn gradings() -> &'static [Graded] {
    static GRADED: OnceLock<Vec<Graded>> = OnceLock::new();
    GRADED.get_or_init(|| {
        let _turn = machine();
        let gallery = gallery();
        let listed = all_cases();
        eprintln!("{} mutants, each is played {}", gallery.fault.len(), extent());
        let graded = grade_all(&gallery.fault, &listed);
        let again = |(fault, graded): (&Fault, Graded)| {
            let beside_others = gallery.problems(fault, &graded);
            if beside_others.is_empty() {
                return graded;
            }
            eprint!("graded again, alone, because of this: {beside_others}");
            // Many gradings ran at once. One that went wrong because of that is right when it runs alone.
            let missed = |graded: &Graded| {
                gallery.foreign(fault, graded).next().is_none() && !gallery.problems(fault, graded).is_empty()
            };
            again_while(missed, || grade(fault, &listed, |grading, cases| judged_run(cases, grading)))
        };
        gallery.fault.iter().zip(graded).map(again).collect()
    })
}

/// Every case of Part 1 that does not wait for long.
fn all_cases() -> Vec<Listed> {
    listed(runner().args(TIMES).args(["--part=p1", "--quick"]))
}

/// The gradings of testers with two of the faults.
pub(super) fn gradings_of_pairs(pairs: &[[&Fault; 2]]) -> Vec<Graded> {
    let _turn = machine();
    let listed = all_cases();
    at_once(GRADINGS_AT_ONCE, pairs, |_, pair| {
        let cases: BTreeSet<_> = pair.iter().flat_map(|fault| played(fault, &listed)).collect();
        let cases: Vec<_> = ["--case"].into_iter().chain(cases).collect();
        let mut graded = Graded::default();
        graded.add(judged_run(&cases, |cases| conformance(pair, cases, true)));
        graded
    })
}

impl Gallery {
    /// The differences between the grading of a mutant and the gallery, one line each.
    pub(super) fn problems(&self, fault: &Fault, graded: &Graded) -> String {
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

/// Grades every mutant, several at once, in the order of the gallery.
fn grade_all(faults: &[Fault], listed: &[Listed]) -> Vec<Graded> {
    let mut order: Vec<usize> = (0..faults.len()).collect();
    order.sort_by_key(|&turn| !faults[turn].slow);
    let once = |grading: Grading<'_>, cases: &[&str]| run(&mut grading(cases));
    let graded = at_once(GRADINGS_AT_ONCE, &order, |_, &turn| grade(&faults[turn], listed, once));
    let mut graded: Vec<_> = order.into_iter().zip(graded).collect();
    graded.sort_by_key(|&(turn, _)| turn);
    graded.into_iter().map(|(_, graded)| graded).collect()
}

/// The call of the runner that grades a mutant with these arguments more.
type Grading<'g> = &'g dyn Fn(&[&str]) -> Command;

/// Grades one, with its runs played in this way.
fn grade(
    fault: &Fault,
    listed: &[Listed],
    play: impl Fn(Grading<'_>, &[&str]) -> Result<RunReport, String>,
) -> Graded {
    let mut graded = Graded::default();
    let cases = [&["--case"], &played(fault, listed)[..]].concat();
    graded.add(play(&|cases| conformance(&[fault], cases, true), &cases));
    if fault.breaks.iter().any(|id| id.to_string() == "CLI-10") {
        graded.add(play(&|cases| conformance(&[fault], cases, false), &["--case", DEFAULT_TIME]));
    }
    graded
}

/// The ids of the cases for a mutant: what it breaks, what shows its cause, and a share of the rest.
fn played<'l>(fault: &Fault, listed: &'l [Listed]) -> Vec<&'l str> {
    let full = is_full();
    let mut seen = BTreeSet::new();
    let shows_cause = patterns_of_cause(&fault.cause);
    let of_side = listed.iter().filter(|case| runs_faulty_code(fault, &case.id));
    let chosen = of_side.filter(|case| {
        let first = seen.insert(&case.requirements);
        let in_share = first && number(fault, &case.requirements).is_multiple_of(SETS);
        let shows = shows_cause.iter().any(|pattern| pattern.names(&case.id));
        full || in_share || shows || case.requirements.iter().any(|id| fault.breaks.contains(id))
    });
    chosen.map(|case| case.id.as_str()).collect()
}

/// A number for a mutant and a set of requirements, the same in every run.
fn number(fault: &Fault, requirements: &[RequirementId]) -> u32 {
    let text = requirements.iter().fold(fault.name.clone(), |text, id| format!("{text} {id}"));
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The cases that must fail or hold if a cause is seen in the whole run only.
fn patterns_of_cause(key: &str) -> Vec<CasePattern> {
    let cause = Causes::built_in().unwrap().find(key);
    let texts = cause.into_iter().flat_map(|cause| cause.fails.iter().chain(&cause.holds));
    texts.map(|text| CasePattern::new(text)).collect()
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

fn conformance(faults: &[&Fault], cases: &[&str], quick: bool) -> Command {
    let mut command = runner();
    command.arg("--target-bin").arg(mutant());
    command.args(faults.iter().map(|fault| format!("--target-arg=--fault={}", fault.name)));
    command.arg(MUTANT_TIMEOUT).args(TIMES).args(["--part=p1", "--jobs=2"]);
    command.args(quick.then_some("--quick")).args(cases);
    command
}

/// The report for a person.
fn text(report: &RunReport) -> String {
    match render(ReportFormat::Human, report, &catalogue(), COLUMNS, Detail::Brief).unwrap() {
        Document::Text(text) => anstream::adapter::strip_str(&text).to_string(),
        Document::Bytes(_) => unreachable!("the report for a person is a text"),
    }
}

impl Graded {
    fn add(&mut self, report: Result<RunReport, String>) {
        let report = match report {
            Ok(report) => report,
            Err(said) => return self.not_judged.push(said),
        };
        if !report.problems.is_empty() {
            self.text = text(&report);
        }
        self.problems.extend(report.problems.iter().cloned());
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
