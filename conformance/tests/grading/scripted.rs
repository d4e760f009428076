//! The runner judges itself: the server and the client of its own conversations must fulfil what it requires of others.
//! Otherwise its own faults would be charged to right testers.

use conformance::model::outcome::Outcome;

use crate::support::built::built;
use crate::support::run::judged_run;
use crate::support::runner::runner;

/// The cases for a script without a data thread, a timeout and Ctrl-C. Bytes that come too early (Done with its
/// Request, or more after Done) are left out: the runner's server must report them as a client's fault.
const CASES: [&str; 14] = [
    "server/session/closes-*",
    "server/session/e*",
    "server/session/listens",
    "server/session/p*",
    "server/session/re*",
    "server/session/s*",
    "server/segmentation/request-and-done-cut*",
    "server/abort/half-close-after-done",
    "client/abort/*",
    "client/invalid/re[ps][lu]*",
    "client/segmentation/re[ps][lu]*-cut[[]*",
    "client/session/done-*",
    "client/session/exits-*",
    "client/session/[rw][ea][qi]*",
];

#[test]
fn the_runners_own_roles_hold_what_it_judges() {
    let report = judged_run(&[&["--case"], &CASES[..]].concat(), |selection| {
        let mut grading = runner();
        grading.arg("--target-bin").arg(built("examples/scripted")).arg("--part=p1").args(selection);
        grading
    });
    let not_passed: Vec<String> = (report.unwrap().cases.iter())
        .filter(|case| case.outcome != Outcome::Pass)
        .map(|case| format!("{}: {} {:?}", case.id, case.outcome, case.message))
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
}
