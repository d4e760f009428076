//! The runner judged by itself: the server and the client that it plays in its conversations hold what it asks of
//! others. Its peers are right testers, so whatever it does wrong is charged to them.

use conformance::model::outcome::Outcome;

use crate::support::built::built;
use crate::support::run::judged_run;
use crate::support::runner::runner;

/// What a script without a data thread, a timeout and Ctrl-C can be asked. Bytes ahead of their time (a Done with its
/// Request, or more behind Done) are left out: the runner's server is there to call them a client's fault.
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
