//! `conformance grade DIR`: a class of submissions, good and bad, through the real runner.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use predicates::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use crate::schema::assert_valid;
use crate::support::{conformance, in_crate};

/// Cases that take no time whatever the target does.
const CASES: [&str; 4] = ["--case", "server/session/listens", "server/session/reply", "command/help"];

fn put(folder: &Path, name: &str, mode: u32, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A good program in Python, wrapped as an archive leaves it; one that ends at once; a folder without a program;
/// a file that is not executable; one that the system cannot start; one whose name is a formula.
fn class() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(in_crate("tests/peers/tester.py")).unwrap();
    let class = folder.path();
    put(class, "ada/project3/tester.py", 0o644, good);
    put(class, "ada/__MACOSX/junk", 0o644, "");
    put(class, "bob/tester", 0o755, "#!/bin/sh\necho bob\nexit 1\n");
    put(class, "cyd/notes.txt", 0o644, "");
    put(class, "dan.txt", 0o644, "");
    put(class, "eve/tester", 0o755, "no shebang, and no program\n");
    put(class, "=fay/run", 0o755, "#!/bin/sh\nexit 1\n");
    put(class, "gus/one", 0o755, "#!/bin/sh\n");
    put(class, "gus/two", 0o755, "#!/bin/sh\n");
    put(class, ".hidden/tester", 0o755, "#!/bin/sh\n");
    folder
}

#[test]
fn a_class_is_graded_row_by_row() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: python3 is not installed (Debian package python3)");
        return;
    }
    let class = class();
    let output = class.path().join("out");
    for _ in 0..2 {
        // The second time over, what the first one wrote is there and is nobody's submission.
        let assert = conformance()
            .arg("grade")
            .arg(class.path())
            .arg("--output")
            .arg(&output)
            .args(["--report", "human", "json", "--quiet"])
            .args(CASES)
            .assert()
            .code(1)
            .stderr("");
        let table = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
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
    // The runner is the reference where it is called by that name.
    let program = folder.path().join("zoe").join(conformance::stage::reference::NAME);
    fs::create_dir(folder.path().join("zoe")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_conformance"), program).unwrap();
    conformance()
        .arg("grade")
        .arg(folder.path())
        .args(CASES)
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
    let assert =
        conformance().current_dir(class.path()).arg("grade").args(args).assert().code(code).stdout("");
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(stderr.contains(says), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn an_empty_folder_is_nothing_selected() {
    let folder = tempfile::tempdir().unwrap();
    conformance()
        .arg("grade")
        .arg(folder.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains("no submission in it"));
}
