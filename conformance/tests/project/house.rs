//! Checks every import of the sources against the tables: an import points down, from a room to one that it may import.
//! The examples have no circular imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::Regex;
use rstest::rstest;

use crate::support::paths::in_crate;

/// A room, and those that it may import: all of them stand below it.
type Rooms = [(&'static str, &'static [&'static str])];

/// The runner's rooms, from the roof to the ground.
const RUNNER: &Rooms = &[
    ("main", &["commands", "grading", "run", "stage"]),
    ("commands", &["grading", "report", "diagnose", "play", "judge", "stage", "fixture", "words", "model"]),
    ("grading", &["report", "diagnose", "explore", "run", "stage", "fixture", "words", "model"]),
    ("report", &["words", "model"]),
    ("diagnose", &["words", "model"]),
    ("explore", &["run", "stage", "fixture", "model"]),
    ("run", &["play", "judge", "stage", "fixture", "words", "model"]),
    ("play", &["judge", "stage", "model"]),
    ("judge", &["words", "model"]),
    ("stage", &["model"]),
    ("fixture", &["model"]),
    ("words", &["model"]),
    ("model", &[]),
];

/// The tester's rooms.
const TESTER: &Rooms = &[
    ("main", &[]),
    (
        "control",
        &["report", "data", "cli", "protocol", "intervals", "tally", "dial", "output", "wait", "interrupt"],
    ),
    ("report", &["intervals", "tally", "protocol"]),
    ("intervals", &["data"]),
    ("data", &["tally", "protocol", "dial", "output", "wait"]),
    ("cli", &["protocol"]),
    ("protocol", &[]),
    ("tally", &[]),
    ("dial", &[]),
    ("output", &[]),
    ("wait", &["interrupt"]),
    ("interrupt", &[]),
];

/// Rooms that may not use the tester's codec: a verdict by that codec would share its faults. They send and judge raw
/// bytes.
const KNOW_RAW_BYTES_ALONE: [&str; 7] = ["grading", "explore", "run", "play", "judge", "fixture", "model"];

/// The most lines of a file, and of a room.
const LONGEST_FILE: usize = 450;
const LARGEST_ROOM: usize = 4_500;

/// The most entries of `conformance/src`.
const MOST_ENTRIES: usize = 14;

#[rstest]
#[case::runner("src", RUNNER)]
#[case::tester("../src", TESTER)]
fn an_import_points_down(#[case] folder: &str, #[case] rooms: &Rooms) {
    let mut wrong = Vec::new();
    for (path, text) in sources(folder) {
        wrong.extend(wrong_imports(rooms, &path, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rstest]
#[case::runner(RUNNER)]
#[case::tester(TESTER)]
fn every_room_stands_above_what_it_imports(#[case] rooms: &Rooms) {
    for (floor, (room, below)) in rooms.iter().enumerate() {
        for other in *below {
            let position = rooms.iter().position(|(name, _)| name == other);
            assert!(position > Some(floor), "{room} is to stand above {other}");
        }
    }
}

#[rstest]
#[case::down("judge/view.rs", "use crate::model::step::Step;", None)]
#[case::within_a_room("judge/view.rs", "use crate::judge::Judge;", None)]
#[case::in_a_comment("judge/view.rs", "/// See [`crate::report`].", None)]
#[case::up("judge/view.rs", "use crate::report::plain;", Some("judge/view.rs:1: judge imports report"))]
#[case::between_pure_rooms(
    "diagnose/cause.rs",
    "\nuse crate::judge::Judge;",
    Some("diagnose/cause.rs:2: diagnose imports judge")
)]
#[case::in_passing(
    "model/step.rs",
    "    crate::words::page::seconds(at)",
    Some("model/step.rs:1: model imports words")
)]
#[case::from_the_crate_at_once(
    "model/step.rs",
    "use crate::{words, model};",
    Some("model/step.rs:1: model imports words")
)]
#[case::by_super(
    "model/step.rs",
    "use super::super::words;",
    Some("model/step.rs:1: super::super:: leaves the room")
)]
#[case::by_super_from_its_page(
    "model/mod.rs",
    "use super::words;",
    Some("model/mod.rs:1: super:: leaves the room")
)]
#[case::of_a_test_from_below("report/human/tests.rs", "use crate::diagnose::problem;", None)]
#[case::of_a_test_from_above(
    "judge/tests/mod.rs",
    "use crate::report::RunReport;",
    Some("judge/tests/mod.rs:1: judge imports report")
)]
#[case::the_codec(
    "judge/view.rs",
    "use tester::protocol::message::Reply;",
    Some("judge/view.rs:1: judge imports the tester's codec")
)]
fn a_wrong_import_is_found(#[case] path: &str, #[case] text: &str, #[case] found: Option<&str>) {
    assert_eq!(wrong_imports(RUNNER, path, text).first().map(String::as_str), found);
}

#[rstest]
#[case::mutant("examples/mutant")]
#[case::legal("examples/legal")]
fn an_example_imports_in_no_circle(#[case] folder: &str) {
    let files = sources(folder);
    let modules: Vec<String> = files.iter().map(|(path, _)| module_of(path)).collect();
    let mut open: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, (_, text)) in modules.iter().zip(&files) {
        open.insert(module, imported(&modules, module, text));
    }
    // A module is removed when all its imports are removed. The modules of a circle remain.
    loop {
        let left: BTreeSet<String> = open.keys().map(|module| (*module).to_owned()).collect();
        open.retain(|_, others| {
            others.retain(|other| left.contains(other));
            !others.is_empty()
        });
        if open.len() == left.len() {
            break;
        }
    }
    assert!(open.is_empty(), "imports in a circle: {open:#?}");
}

#[rstest]
#[case::a_child("server", "mod listen;", &["server::listen"])]
#[case::a_sibling("server::listen", "use super::{session::{Abort, Step}, run};", &["server", "server::session"])]
#[case::from_the_crate("wire", "use crate::{\n    cli,\n    server::session::Abort,\n};", &["cli", "server::session"])]
#[case::in_passing("cli", "    crate::wire::TESTS;", &["wire"])]
#[case::the_root("cli", "crate::say(reason)", &["main"])]
#[case::itself_and_others("cli", "// use crate::wire;\nuse std::io;\nuse crate::cli::Mode;", &[])]
fn an_import_of_an_example_is_found(#[case] module: &str, #[case] text: &str, #[case] found: &[&str]) {
    let modules = ["main", "cli", "wire", "server", "server::listen", "server::session"].map(str::to_owned);
    let found: BTreeSet<String> = found.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(imported(&modules, module, text), found);
}

#[test]
fn no_file_and_no_room_is_too_large() {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    let mut long = Vec::new();
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        *rooms.entry(room_of(&path).to_owned()).or_default() += lines;
        if lines > LONGEST_FILE {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
    rooms.retain(|_, lines| *lines > LARGEST_ROOM);
    assert!(rooms.is_empty(), "{rooms:?}");
    let entries = fs::read_dir(in_crate("src")).unwrap().count();
    assert!(entries <= MOST_ENTRIES, "{entries} entries in conformance/src");
}

/// A path from the crate on: one room, or several in braces.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|conformance)::(?:(\w+)|\{([^}]*)\})").unwrap());

/// The imports of a file that break the rules, each with its line.
fn wrong_imports(rooms: &Rooms, path: &str, text: &str) -> Vec<String> {
    let room = room_of(path);
    let Some(place) = rooms.iter().position(|(name, _)| *name == room) else {
        // The crate's root file names all rooms.
        return Vec::from_iter((room != "lib").then(|| format!("{path}: {room} is no room")));
    };
    // Tests may use any room that stands below.
    let of_tests = path.ends_with("tests.rs") || path.contains("/tests/");
    let below: Vec<&str> = rooms[place..].iter().map(|(name, _)| *name).collect();
    let allowed = if of_tests { &below[..] } else { rooms[place].1 };
    // The file of a room belongs to the room itself.
    let depth = path.matches('/').count() + usize::from(!path.ends_with("/mod.rs"));
    let leaves = "super::".repeat(depth);
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for found in NAMED.captures_iter(line) {
            let names = found.get(1).or(found.get(2)).map_or("", |names| names.as_str());
            let others = names.split(',').map(|name| name.split("::").next().unwrap_or(name).trim());
            for other in others.filter(|other| rooms.iter().any(|(name, _)| name == other)) {
                if other != room && !allowed.contains(&other) {
                    wrong.push(format!("{path}:{number}: {room} imports {other}"));
                }
            }
        }
        if path.contains('/') && line.contains(&leaves) {
            wrong.push(format!("{path}:{number}: {leaves} leaves the room"));
        }
        if line.contains("tester::") && KNOW_RAW_BYTES_ALONE.contains(&room) {
            wrong.push(format!("{path}:{number}: {room} imports the tester's codec"));
        }
    }
    wrong
}

/// The module of an example's file. The root is `main`.
fn module_of(path: &str) -> String {
    path.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::")
}

/// A module of the file's own, or the beginning of a path from the crate or from the parent, up to its `;` if it is an
/// import of several.
static PATHS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(mod|crate|super)(?:::|\s)((?:\w+::)*)(\w+|\{[^;]*\};)").unwrap());

/// The other modules whose names a file of an example uses.
fn imported(modules: &[String], module: &str, text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let parent = module.rsplit_once("::").map_or("main", |(parent, _)| parent);
    let mut found = BTreeSet::new();
    for path in PATHS.captures_iter(&code) {
        let start = match &path[1] {
            "mod" => module,
            "super" => parent,
            _ => "main",
        };
        for name in names(&path[3]) {
            let mut whole = format!("{start}::{}{name}", &path[2]);
            whole = whole.strip_prefix("main::").unwrap_or(&whole).to_owned();
            // The longest prefix that is a module. If there is none, it is an item of the root.
            while !modules.contains(&whole) {
                whole = whole.rsplit_once("::").map_or("main", |(shorter, _)| shorter).to_owned();
            }
            found.insert(whole);
        }
    }
    found.remove(module);
    found
}

/// The paths in the braces of an import, or the one name.
fn names(tree: &str) -> Vec<String> {
    let mut outer: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for part in tree.trim_end_matches(';').split_inclusive(['{', '}', ',']) {
        let name = part.trim_end_matches(['{', '}', ',']).trim();
        if part.ends_with('{') {
            outer.push(name);
            continue;
        }
        if !name.is_empty() {
            found.push(outer.concat() + name);
        }
        if part.ends_with('}') {
            outer.pop();
        }
    }
    found
}

/// The room of a file: its folder, or the file itself if it has none.
fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Every source file below a folder of this package: its path within it, and its text.
fn sources(name: &str) -> Vec<(String, String)> {
    let root = in_crate(name);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let within = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{within}: {error}"));
                found.push((within, text));
            }
        }
    }
    found.sort();
    found
}
