//! What a log, which is no terminal, is told of a run that lasts.

use predicates::prelude::*;
use predicates::str::is_match;

use super::support::Folder;

/// A program that never listens, waited for one second longer than the interval of the lines.
fn waiting(more: &[&str]) -> assert_cmd::assert::Assert {
    let folder = Folder::new().with_program("tester", "#!/bin/sh\nexec sleep 3600\n");
    let args = ["--target-bin=tester", "--startup=11s", "--case=server/session/listens"];
    folder.runner().args(args).args(more).assert().code(1)
}

#[test]
fn a_plain_line_comes_every_ten_seconds() {
    let words = "0 of 1 cases, waiting for the server to listen in SRV-1 (server/session/listens), ";
    let line = format!(r"\A{}\d s more at most\n\z", regex::escape(words));
    waiting(&[]).stderr(is_match(line).unwrap());
}

#[test]
fn nothing_comes_with_quiet() {
    waiting(&["--quiet"]).stderr(predicate::eq(""));
}
