//! The progress lines of a long run in a log, which is no terminal.

use predicates::prelude::*;
use predicates::str::is_match;

use crate::support::folder::Folder;

/// The runner waits for a program that never listens, one second longer than the interval of the lines. On a busy
/// machine this is inconclusive, and the runner waits once more. Only the lines count here.
fn waiting(more: &[&str]) -> assert_cmd::assert::Assert {
    let folder = Folder::new().with_program("tester", "#!/bin/sh\nexec sleep 3600\n");
    let args = ["--target-bin=tester", "--startup=11s", "--case=server/session/listens"];
    let ends = predicate::in_iter([1, 3]);
    folder.runner().args(args).args(more).assert().code(ends)
}

#[test]
fn a_plain_line_comes_every_ten_seconds() {
    let words = "0 of 1 cases, waiting for the server to listen in SRV-1 (server/session/listens), ";
    let line = format!(r"{}\d+ s more at most", regex::escape(words));
    let once_more = r"0 of 1 cases(, .*)?";
    waiting(&[]).stderr(is_match(format!(r"\A{line}\n(({line}|{once_more})\n)*\z")).unwrap());
}

#[test]
fn nothing_comes_with_quiet() {
    waiting(&["--quiet"]).stderr(predicate::eq(""));
}
