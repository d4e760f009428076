//! The report names the true cause. Real programs with one student's mistake each are graded over real sockets, and the
//! first screen of the report has to name the mistake.

use rstest::rstest;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::runner::runner;
use crate::support::words::words;

/// The lines of an ordinary terminal.
const SCREEN: usize = 24;

#[rstest]
#[case("reply-port-little-endian", "server/session/port-announced*", "low byte first (little-endian)")]
#[case("results-natively-aligned", "server/session/results*", "sends Results of 16 bytes")]
#[case("one-recv-for-request", "server/segmentation/*", "takes one recv() for one message")]
#[case("greedy-recv", "server/segmentation/*", "reads the Done together with the Request")]
#[case(
    "request-version-unchecked",
    "server/invalid/request-version*",
    "does not check the version of a Request"
)]
#[case(
    "refusal-traceback",
    "server/invalid/request-*",
    "an error that nobody catches: ValueError: invalid message"
)]
#[case("byte-after-results", "server/session/closes-*", "sends a line end after Results")]
#[case(
    "connection-kept-after-results",
    "server/session/closes-*",
    "does not close the connection after Results"
)]
#[case("thread-per-client", "server/serial/second-*", "serves a second client while a test is in progress")]
#[case("no-address-reuse", "server/interrupt/restart-*", "Address already in use")]
#[case("ctrl-c-traceback", "server/interrupt/idle", "KeyboardInterrupt ends it with a stack trace")]
#[case(
    "half-close-takes-results-away",
    "server/abort/half-*",
    "closed its sending side for one that has left"
)]
#[case("client-done-too-early", "client/session/done-*", "sends Done right after Reply")]
#[case("client-count-little-endian", "client/session/reports-*", "reads the count in Results low byte first")]
#[case("client-requests-again", "client/session/waits-*", "sends the Request a second time")]
#[case(
    "client-ctrl-c-waits-time-out",
    "client/interrupt/*",
    "waits until the data thread has ended by itself"
)]
#[case("time-takes-fractions", "command/time-rejected*", "--time takes a fraction")]
fn the_first_screen_names_the_cause(#[case] fault: &str, #[case] cases: &str, #[case] cause: &str) {
    let text = report(fault, &["--case", cases]);
    let screen = text.lines().take(SCREEN).collect::<Vec<_>>().join("\n");
    assert!(words(&screen).contains(cause), "{fault}: `{cause}` is not in\n{text}");
    assert!(words(&text).contains(": 1 problem."), "{fault}:\n{text}");
}

/// With a timeout of 2 s, so that a wrong timeout shows soon.
#[rstest]
#[case("no-timeout", "server/timeout/before-request", "does not close a silent client after 2 s")]
#[case("timeout-30s", "server/timeout/before-request", "not after 2 s")]
#[case("deadline-for-whole-message", "server/timeout/every-byte-*", "does not start the timeout again")]
#[case(
    "timeout-sends-results",
    "server/timeout/after-reply",
    "sends an answer when its timeout ends a session"
)]
fn a_wrong_timeout_is_named(#[case] fault: &str, #[case] cases: &str, #[case] cause: &str) {
    let times = [
        "--control-timeout",
        "2s",
        "--early",
        "200ms",
        "--late",
        "500ms",
        "--target-arg=--control-timeout=2",
    ];
    let text = report(fault, &[&["--case", cases], &times[..]].concat());
    assert!(words(&text).contains(cause), "{fault}: `{cause}` is not in\n{text}");
    assert!(
        words(&text).contains("--control-timeout 2s"),
        "the command for once more lacks the times:\n{text}"
    );
}

/// What `conformance` prints of the mutant.
fn report(fault: &str, options: &[&str]) -> String {
    let mut command = runner();
    command.arg("--target-bin").arg(mutant()).arg(format!("--target-arg=--fault={fault}"));
    let output = judged(command.args(["--quiet", "--color=never"]).args(options));
    String::from_utf8(output.stdout).unwrap()
}
