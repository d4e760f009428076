//! Tests the checks of the measurement: an independent tester passes them all. With each fault of
//! `tests/peers/faults.toml` patched in, it fails exactly what the fault breaks, and its report names the cause. Without python3 the tests print that
//! they are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use conformance::model::outcome::Outcome;
use conformance::model::problem::Problem;
use conformance::model::requirement::{Level, Part, RequirementId};
use conformance::report::RunReport;
use serde::Deserialize;

use super::is_full;
use crate::support::again::again_while;
use crate::support::at_once::at_once;
use crate::support::catalogue;
use crate::support::machine::machine;
use crate::support::peers::Peer;
use crate::support::run::{judged_run, run};
use crate::support::runner::runner;

/// About a tenth of the documents' timeout, for the runner and the peer, so that no case of the timer lasts a minute.
const TIMES: [&str; 5] = [
    "--control-timeout=4.4s",
    "--early=1.2s",
    "--late=1.2s",
    "--target-arg=--control-timeout=4.4",
    "--patience=2s",
];

/// Every conversation of the measurement.
const ALL: &str = "data/*";

/// How many gradings run at once. The runner judges counts, and rates that it measures itself too.
const GRADINGS_AT_ONCE: usize = 4;

#[derive(Deserialize)]
struct Gallery {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    name: String,
    what: String,
    /// The key of the cause that its report must name, as its only problem.
    cause: String,
    breaks: BTreeSet<RequirementId>,
    edit: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    find: String,
    replace: String,
}

/// A requirement that did not hold, and the outcome.
type NotHeld = BTreeMap<RequirementId, Outcome>;

/// What did not hold, and the keys of the causes that the report names.
type Graded = (NotHeld, Vec<String>);

#[test]
fn an_independent_measurement_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let Some(peer) = Peer::Python.program(folder.path()) else { return };
    let _turn = machine();
    let report = judged_run(&["--case", ALL], |selection| grading(&peer, selection)).unwrap();
    assert_eq!(not_held(&report), NotHeld::new());
}

#[test]
fn every_fault_of_a_measurement_fails_what_it_breaks_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(peer) = Peer::Python.program(folder.path()) else { return };
    let _turn = machine();
    let source = std::fs::read_to_string(peer).unwrap();
    let gallery = gallery();
    let grading_of =
        |fault: &Fault, selection: &[&str]| grading(&fault.write(&source, folder.path()), selection);
    let graded = at_once(GRADINGS_AT_ONCE, &gallery.fault, |_, fault| {
        outcome(&run(&mut grading_of(fault, &words(&fault.selection()))).unwrap())
    });

    let mut problems = String::new();
    for (fault, graded) in gallery.fault.iter().zip(graded) {
        let broken: NotHeld = fault.breaks.iter().map(|id| (id.clone(), Outcome::Fail)).collect();
        let mut graded = graded;
        if graded.0 != broken {
            // Several gradings ran at once; one that went wrong by it goes right when it has the machine to itself.
            let play = || {
                let run = judged_run(&words(&fault.selection()), |selection| grading_of(fault, selection));
                outcome(&run.unwrap())
            };
            // A runner that is kept waiting may miss the fault (it finds a late port open); then it is played again.
            // A failure of anything else counts at once.
            let missed =
                |(alone, _): &Graded| *alone != broken && alone.keys().all(|id| broken.contains_key(id));
            graded = again_while(missed, play);
        }
        let (not_held, keys) = graded;
        if not_held != broken {
            writeln!(problems, "{} breaks {:?}, but not held are {not_held:?}", fault.name, fault.breaks)
                .unwrap();
        }
        if keys != [fault.cause.clone()] {
            writeln!(problems, "{} is called {keys:?} and should be {}", fault.name, fault.cause).unwrap();
        }
    }
    assert!(problems.is_empty(), "{problems}");
    insta::assert_snapshot!(gallery.matrix());
}

#[test]
fn every_requirement_of_the_measurement_is_broken_by_a_fault() {
    let gallery = gallery();
    let broken: BTreeSet<&RequirementId> = gallery.fault.iter().flat_map(|fault| &fault.breaks).collect();
    let catalogue = catalogue();
    let judged =
        catalogue.all().iter().filter(|entry| entry.part == Part::P2 && entry.level >= Level::Should);
    let missing: Vec<String> =
        judged.filter(|entry| !broken.contains(&entry.id)).map(|entry| entry.id.to_string()).collect();
    assert_eq!(missing, Vec::<String>::new());
}

fn gallery() -> Gallery {
    toml::from_str(include_str!("../peers/faults.toml")).unwrap()
}

impl Gallery {
    fn matrix(&self) -> String {
        let mut text = format!("{} faults\n\n", self.fault.len());
        for fault in &self.fault {
            let breaks: Vec<String> = fault.breaks.iter().map(ToString::to_string).collect();
            writeln!(text, "{:<7} {}: {}", breaks.join(" "), fault.name, fault.what).unwrap();
        }
        text
    }
}

impl Fault {
    /// Writes the peer with this fault as a program into the folder.
    fn write(&self, source: &str, folder: &Path) -> PathBuf {
        let mut source = source.to_owned();
        for edit in &self.edit {
            assert_eq!(source.matches(&edit.find).count(), 1, "{}: {:?}", self.name, edit.find);
            source = source.replacen(&edit.find, &edit.replace, 1);
        }
        let path = folder.join(format!("{}.py", self.name));
        std::fs::write(&path, source).unwrap();
        path
    }

    fn selection(&self) -> Vec<String> {
        if is_full() {
            return vec!["--case".to_owned(), ALL.to_owned()];
        }
        ["--requirement".to_owned()].into_iter().chain(self.breaks.iter().map(ToString::to_string)).collect()
    }
}

fn words(selection: &[String]) -> Vec<&str> {
    selection.iter().map(String::as_str).collect()
}

/// The call of the runner that grades this program with what the arguments select.
fn grading(program: &Path, selection: &[&str]) -> Command {
    let mut command = runner();
    command.arg("--target-cmd").arg(format!("python3 '{}'", program.display())).args(TIMES).args(selection);
    command
}

fn outcome(report: &RunReport) -> Graded {
    let key = |problem: &Problem| problem.key.clone().unwrap_or_default();
    (not_held(report), report.problems.iter().map(key).collect())
}

fn not_held(report: &RunReport) -> NotHeld {
    let records = report.requirements.iter().filter(|record| record.outcome != Outcome::Pass);
    records.map(|record| (record.id.clone(), record.outcome)).collect()
}
