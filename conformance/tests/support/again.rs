//! Repeats gradings that could not be judged because the machine was busy, so that a test also holds on a busy machine.
//!
//! Only an *inconclusive* grading is repeated. The test sees a verdict at once, right or wrong. If every try is
//! inconclusive, it sees the last one.

use std::process::Output;

use assert_cmd::Command;

/// How often a grading is played at most.
pub(crate) const TRIES: usize = 3;

/// The exit status of a run in which a MUST could not be judged.
const NOT_CARRIED_OUT: i32 = 3;

/// How standard output says it, in the reports for people and in JSON. The summary of a JSON report also has a key
/// `inconclusive`, with a number.
const WORDS: [&str; 3] =
    ["ould not be judged", r#""outcome": "inconclusive""#, r#""outcome":"inconclusive""#];

/// Plays it again while its outcome is unsure, three times in all at most.
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

/// The output of a call of the runner, repeated while it is unsure.
pub(crate) fn judged(runner: &mut Command) -> Output {
    again_while(is_unsure, || runner.output().unwrap())
}
