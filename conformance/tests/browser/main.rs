//! The HTML report in a real Chromium. Real runs of a good, a bad and a hostile target make the reports here, and
//! page.test.mjs beside this file checks them with Node's own test runner.
//!
//! `CONFORMANCE_BROWSER_TOOLS` names a folder whose node_modules has the packages of package.json beside this file.
//! Without it the test prints that it is skipped. With it everything has to be there (.ci/run). Nothing is downloaded.
//! The screenshots are in `browser` of the target folder's `tmp`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed: unwrap says so at the right line"
)]

#[path = "../support/again.rs"]
mod again;
#[path = "../support/built.rs"]
mod built;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/paths.rs"]
mod paths;
#[path = "../support/runner.rs"]
mod runner;
#[path = "../support/said.rs"]
mod said;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use again::judged;
use built::mutant;
use files::put;
use paths::in_crate;
use runner::runner;
use said::said;

const TOOLS: &str = "CONFORMANCE_BROWSER_TOOLS";

/// Bytes that are not UTF-8, a NUL, a colour, and the ends of all elements that may contain them in a page.
const HOSTILE: &str = r#"#!/bin/sh
printf '\377\000\033[31m</script><script>document.title = "pwned"</script><b id="pwned">\n--></pre></details></style>\n'
exit 1
"#;

#[test]
fn the_report_works_in_chromium() {
    let Some(tools) = std::env::var_os(TOOLS).map(PathBuf::from) else {
        // With `cargo test -- --nocapture`; .ci/run sets it.
        eprintln!("SKIPPED: {TOOLS} names no folder with playwright-core and axe-core (npm)");
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    make_reports(&folder);
    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(in_crate("tests/browser/page.test.mjs"))
        .env(TOOLS, tools)
        .env("CONFORMANCE_REPORTS", &folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

fn make_reports(folder: &Path) {
    let target = |name: &str, text: &str| {
        let path = folder.join(name);
        put(&path, 0o755, text);
        path
    };
    // Enough for every outcome and several areas, and still quick.
    let cases = [
        "command/help",
        "command/time-*",
        "server/session/port-announced*",
        "server/session/results*",
        "server/session/closes-after-results*",
        "server/invalid/request-*",
        "server/timeout/*",
        "client/session/*",
    ];
    report(folder, "good", None, &cases, 0);
    let bad = target("bad_tester", &bad_target());
    report(folder, "bad", Some(&bad), &cases, 1);
    let hostile = target("hostile_tester", HOSTILE);
    report(folder, "hostile", Some(&hostile), &["command/help", "server/session/listens"], 1);
}

/// A student's mistake in the server, and another one in the client.
fn bad_target() -> String {
    let mutant = mutant();
    let mutant = mutant.display();
    format!(
        "#!/bin/sh\ncase \"$*\" in\n  *--client*) exec '{mutant}' --fault=client-done-too-early \"$@\" ;;\n  \
         *) exec '{mutant}' --fault=request-version-unchecked \"$@\" ;;\nesac\n"
    )
}

fn report(folder: &Path, name: &str, target: Option<&Path>, cases: &[&str], status: i32) {
    let mut command = runner();
    if let Some(target) = target {
        command.arg("--target-bin").arg(target);
    }
    command.args(["--quiet", "--quick", "--part", "p1", "--case"]).args(cases);
    for format in ["html", "json"] {
        command.arg("--report").arg(format!("{format}={}/{name}.{format}", folder.display()));
    }
    assert_eq!(judged(&mut command).status.code(), Some(status), "{name}");
}
