//! `conformance grade DIR`: a class of submissions, good and bad, through the real runner.

use std::fs;

use assert_cmd::prelude::OutputAssertExt;
use predicates::prelude::*;
use rstest::rstest;

use super::schema::assert_valid;
use crate::support::again::{again_while, judged};
use crate::support::folder::Folder;
use crate::support::installed::there_is;
use crate::support::paths::in_crate;
use crate::support::runner::{RUNNER, runner};

/// Cases that take no time with any target.
const CASES: [&str; 4] = ["--case", "server/session/listens", "server/session/reply", "command/help"];

/// A good program in Python, wrapped as an archive leaves it; one that ends at once; a folder without a program;
/// a file that is not executable; one that the system cannot start; one whose name is a formula.
fn class() -> Folder {
    let good = fs::read(in_crate("tests/peers/tester.py")).unwrap();
    Folder::new()
        .with("ada/project3/tester.py", good)
        .with("ada/__MACOSX/junk", "")
        .with_program("bob/tester", "#!/bin/sh\necho bob\nexit 1\n")
        .with("cyd/notes.txt", "")
        .with("dan.txt", "")
        .with_program("eve/tester", "no shebang, and no program\n")
        .with_program("=fay/run", "#!/bin/sh\nexit 1\n")
        .with_program("gus/one", "#!/bin/sh\n")
        .with_program("gus/two", "#!/bin/sh\n")
        .with_program(".hidden/tester", "#!/bin/sh\n")
}

/// Whether a submission could not be judged: the table has one column for that and for what was blocked.
fn is_unsure(class: &Folder) -> bool {
    let reports = fs::read_dir(class.at("out/reports")).unwrap().map(|entry| entry.unwrap().path());
    let mut texts = reports.map(|path| fs::read_to_string(path).unwrap());
    texts.any(|text| text.contains(r#""outcome": "inconclusive""#))
}

#[test]
fn a_class_is_graded_row_by_row() {
    if !there_is("python3") {
        return;
    }
    let class = class();
    let output = class.at("out");
    for _ in 0..2 {
        // The second time, the output of the first run is there. It is no submission.
        let mut command = runner();
        command.arg("grade").arg(class.path()).arg("--output").arg(&output);
        command.args(["--report", "human", "json", "--quiet"]).args(CASES);
        let graded = again_while(|_| is_unsure(&class), || command.output().unwrap());
        let table = String::from_utf8(graded.stdout.clone()).unwrap();
        graded.assert().code(1).stderr("");
        assert_eq!(table, fs::read_to_string(output.join("gradebook.txt")).unwrap());
        insta::assert_snapshot!("gradebook_table", table);
    }
    let csv = fs::read_to_string(output.join("gradebook.csv")).unwrap();
    insta::with_settings!({filters => vec![
        (r"[0-9a-f]{64}", "[sha256]"), (r"/[^ ,]*/\.tmp[^/]*/", "[class]/"),
    ]}, {
        insta::assert_snapshot!("gradebook_csv", csv);
    });
    let mut reports: Vec<_> =
        fs::read_dir(output.join("reports")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    reports.sort();
    assert_eq!(reports, ["=fay.json", "=fay.txt", "ada.json", "ada.txt", "bob.json", "bob.txt"]);
    let ada = fs::read(output.join("reports/ada.json")).unwrap();
    assert_valid("report", &serde_json::from_slice(&ada).unwrap());
}

#[test]
fn a_class_that_all_holds_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    // Under the name `tester`, the runner is the reference.
    let program = folder.path().join("zoe").join(conformance::stage::reference::NAME);
    fs::create_dir(folder.path().join("zoe")).unwrap();
    fs::copy(RUNNER, program).unwrap();
    judged(runner().arg("grade").arg(folder.path()).args(CASES))
        .assert()
        .code(0)
        .stdout(predicate::str::contains("zoe").and(predicate::str::contains("holds")));
}

#[rstest]
#[case::no_folder(&["/no/such/folder"], 2, "/no/such/folder: No such file")]
#[case::target(&[".", "--target-bin", "x"], 2, "--target-bin and --target-cmd do not go with it")]
#[case::baseline(&[".", "--baseline", "x"], 2, "do not go with grade")]
#[case::file(&[".", "--report", "json=x"], 2, "name the format alone")]
#[case::no_output(&[".", "--report", "json"], 2, "--report needs --output")]
#[case::unwritable(&[".", "--output", "/dev/null/out"], 2, "--output /dev/null/out: ")]
#[case::no_case(&[".", "--case", "no-such-case"], 4, "there is no such case")]
fn what_cannot_be_graded_is_one_clear_line(#[case] args: &[&str], #[case] code: i32, #[case] says: &str) {
    let class = class();
    let assert = class.runner().arg("grade").args(args).assert().code(code).stdout("");
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(stderr.contains(says), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn an_empty_folder_is_nothing_selected() {
    let folder = tempfile::tempdir().unwrap();
    runner()
        .arg("grade")
        .arg(folder.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains("no submission in it"));
}
