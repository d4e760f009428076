//! The checks of the measurement prove themselves: an independent tester holds them all, and with each fault of
//! `peers/faults.toml` patched in it fails exactly what the fault breaks. Without python3 they are said and skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed, and says so at the right line"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use conformance::model::requirement::{Catalogue, Level, Part, RequirementId};
use serde::Deserialize;

/// A tenth of the documents' timeout, as the peer is told it, so that the timer's cases do not last for a minute.
const TIMES: [&str; 5] = [
    "--control-timeout=4.4s",
    "--early=1.2s",
    "--late=1.2s",
    "--target-arg=--control-timeout=4.4",
    "--patience=2s",
];

/// Every conversation of the measurement.
const ALL: &str = "data/*";

/// How many gradings run at once. What is judged are counts, and rates that the runner counts beside the tester.
const GRADINGS_AT_ONCE: usize = 4;

/// Set to `full`, every fault is played every case; otherwise those of what it breaks.
const EXTENT: &str = "KILL_MATRIX";

#[derive(Deserialize)]
struct Gallery {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    name: String,
    what: String,
    breaks: BTreeSet<RequirementId>,
    edit: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    find: String,
    replace: String,
}

/// A requirement that did not hold, and the outcome.
type NotHeld = BTreeMap<RequirementId, String>;

#[test]
fn an_independent_measurement_holds_everything() {
    let Some(peer) = peer() else { return };
    assert_eq!(grade(&peer, &["--case", ALL]), NotHeld::new());
}

#[test]
fn every_fault_of_a_measurement_fails_what_it_breaks_and_nothing_else() {
    let Some(peer) = peer() else { return };
    let source = std::fs::read_to_string(peer).unwrap();
    let gallery: Gallery = toml::from_str(include_str!("peers/faults.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let graded: Mutex<BTreeMap<&str, NotHeld>> = Mutex::default();
    let next = Mutex::new(gallery.fault.iter());
    thread::scope(|scope| {
        for _ in 0..GRADINGS_AT_ONCE {
            scope.spawn(|| {
                while let Some(fault) = { next.lock().unwrap().next() } {
                    let not_held = grade(&fault.write(&source, folder.path()), &fault.selection());
                    graded.lock().unwrap().insert(&fault.name, not_held);
                }
            });
        }
    });

    let graded = graded.into_inner().unwrap();
    let mut problems = String::new();
    for fault in &gallery.fault {
        let broken = fault.breaks.iter().map(|id| (id.clone(), "fail".to_owned())).collect();
        if graded[fault.name.as_str()] != broken {
            // Several gradings ran at once; one that went wrong by it goes right when it has the machine to itself.
            let alone = grade(&fault.write(&source, folder.path()), &fault.selection());
            if alone != broken {
                writeln!(problems, "{} breaks {:?}, but not held are {alone:?}", fault.name, fault.breaks)
                    .unwrap();
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    insta::assert_snapshot!(gallery.matrix());
}

#[test]
fn every_requirement_of_the_measurement_is_broken_by_a_fault() {
    let gallery: Gallery = toml::from_str(include_str!("peers/faults.toml")).unwrap();
    let broken: BTreeSet<&RequirementId> = gallery.fault.iter().flat_map(|fault| &fault.breaks).collect();
    let catalogue = Catalogue::built_in().unwrap();
    let judged =
        catalogue.all().iter().filter(|entry| entry.part == Part::P2 && entry.level >= Level::Should);
    let missing: Vec<String> =
        judged.filter(|entry| !broken.contains(&entry.id)).map(|entry| entry.id.to_string()).collect();
    assert_eq!(missing, Vec::<String>::new());
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
    /// The peer with this fault, as a program in the folder.
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
        if std::env::var(EXTENT).is_ok_and(|extent| extent == "full") {
            return vec!["--case".to_owned(), ALL.to_owned()];
        }
        ["--requirement".to_owned()].into_iter().chain(self.breaks.iter().map(ToString::to_string)).collect()
    }
}

fn peer() -> Option<PathBuf> {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: no python3 on this machine");
    }
    found.then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/tester.py"))
}

fn grade(program: &Path, selection: &[impl AsRef<str>]) -> NotHeld {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.arg("--target-cmd").arg(format!("python3 '{}'", program.display())).args(TIMES);
    command.args(["--quiet", "--report=json"]).args(selection.iter().map(AsRef::as_ref));
    let output = command.output().unwrap();
    let report = serde_json::from_slice::<serde_json::Value>(&output.stdout);
    assert!(report.is_ok(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = report.unwrap();
    let outcome = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap().to_owned();
    (report["requirements"].as_array().unwrap().iter())
        .filter(|record| record["outcome"] != "pass")
        .map(|record| (outcome(record, "id").parse().unwrap(), outcome(record, "outcome")))
        .collect()
}
