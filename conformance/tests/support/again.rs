//! Gradings that could not be judged because the machine was busy are asked again, so that a test holds on a machine
//! that others load as well.
//!
//! Only what is *inconclusive* is asked again. A verdict, right or wrong, is what the test gets to see at once; and what
//! is inconclusive every time is what it gets to see at last.

use std::process::Output;

use assert_cmd::Command;

/// How often a grading is played at most.
pub(crate) const TRIES: usize = 3;

/// The exit status of a run in which a MUST could not be judged.
const NOT_CARRIED_OUT: i32 = 3;

/// How standard output tells it, in the reports for people and in JSON. The summary of a JSON report has an
/// `inconclusive` of its own, which is a number.
const WORDS: [&str; 3] =
    ["ould not be judged", r#""outcome": "inconclusive""#, r#""outcome":"inconclusive""#];

/// Plays it, and again while its outcome is unsure, three times at most.
pub(crate) fn again_while<T>(unsure: impl Fn(&T) -> bool, mut play: impl FnMut() -> T) -> T {
    let mut outcome = play();
    for _ in 1..TRIES {
        if !unsure(&outcome) {
            break;
        }
        outcome = play();
    }
    outcome
}

/// Whether the runner says that something could not be judged.
pub(crate) fn is_unsure(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stdout);
    output.status.code() == Some(NOT_CARRIED_OUT) || WORDS.iter().any(|words| said.contains(words))
}

/// What a call of the runner gives, asked again while that is unsure.
pub(crate) fn judged(runner: &mut Command) -> Output {
    again_while(is_unsure, || runner.output().unwrap())
}
