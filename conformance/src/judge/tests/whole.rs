//! Whole conversations: what one step passes to the next, and that playing and judging do not differ.

use std::time::Duration;

use rstest::rstest;

use super::notation::{case, parse_transcript};
use crate::judge::{Assessment, Judge, Verdict, judge};
use crate::model::case::Case;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{Event, Transcript};

const SESSION: &str = "send = '01 01 01'; expect = '01 02 PP PP'; send = '01 03'; expect = '01 04 00*8'; \
                       closed = 'promptly'";

/// The session above, step by step: start, connect, send, expect, send, expect, closed.
const SERVED: &str = "0 step; 0 start; 30 ready; 31 step; 31 connect; 31 step; 32 open; 32 > 01 01 01; \
                      32 step; 40 < 01 02 16 2e; 40 step; 40 > 01 03; 40 step; \
                      50 < 01 04 00 00 00 00 00 00 00 00; 50 step; 51 eof; 51 close; 51 finished";

/// The verdict as text.
fn outcome(case: &Case, transcript: &Transcript) -> String {
    match judge(case, &Tolerances::default(), transcript) {
        Verdict::Pass => "passes".to_owned(),
        Verdict::Fail(finding) => format!("step {}: {}", finding.step, finding.fault),
        Verdict::Unfinished { step } => format!("unfinished in step {step}"),
    }
}

#[rstest]
#[case::served(SESSION, SERVED, "passes")]
#[case::bytes_of_one_segment_are_two_messages(
    "send = '01 01 01 01 03'; expect = '01 02 PP PP 01 04 00*8'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect; 1 open; 1 step; 1 > 01 01 01 01 03; 1 step; \
     2 < 01 02 00 01 01 04 00 00 00 00 00 00 00 00; 2 finished",
    "passes"
)]
#[case::what_came_too_soon_is_a_surplus(
    SESSION,
    "0 step; 0 start; 1 ready; 1 step; 1 connect; 1 open; 1 step; 1 > 01 01 01; 1 step; \
     2 < 01 02 00 01 01 04 00 00 00 00 00 00 00 00; 2 finished",
    "step 3: 10 bytes too many (expected 01 02 PP PP, got 01 02 00 01 01 04 00 00 00 00 00 00 00 00)"
)]
#[case::what_was_consumed_is_not_read_again(
    "expect = '01'; expect = '02'; closed = 'promptly'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect; 1 open; 1 step; 2 < 01; 2 step; 3 < 02; 3 step; 4 eof; 4 finished",
    "passes"
)]
#[case::what_was_consumed_is_no_byte_before_the_close(
    "expect = '01'; closed = 'promptly'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect; 1 open; 1 step; 2 < 01; 2 step; 3 < 01; 3 eof; 3 finished",
    "step 3: the connection should have been closed without a word, but 01 came"
)]
#[case::a_name_that_was_opened_again_begins_anew(
    "connect = 'a'; expect = '01', on = 'a'; close = true, on = 'a'; connect = 'a'; expect = '02', on = 'a'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect on a; 1 open on a; 1 step; 2 < 01 on a; 2 step; 2 close on a; \
     2 step; 2 connect on a; 2 open on a; 2 step; 3 < 02 on a; 3 finished",
    "passes"
)]
#[case::what_it_said_before_does_not_count(
    "connect = 'a'; expect = '01', on = 'a'; close = true, on = 'a'; connect = 'a'; silent = 'moment', on = 'a'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect on a; 1 open on a; 1 step; 2 < 01 on a; 2 step; 2 close on a; \
     2 step; 2 connect on a; 2 open on a; 2 step; 252 finished",
    "passes"
)]
#[case::the_first_with_new_bytes_gets_the_alias(
    "connect = 'a'; connect = 'b'; expect = '01', on = ['a', 'b'], as = 'first'; expect = '02', on = 'first'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect on a; 1 open on a; 1 step; 1 connect on b; 1 open on b; \
     1 step; 2 < 01 on b; 2 step; 3 < 02 on b; 3 finished",
    "passes"
)]
#[case::the_other_one_is_not_it(
    "connect = 'a'; connect = 'b'; expect = '01', on = ['a', 'b'], as = 'first'; expect = '02', on = 'first'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect on a; 1 open on a; 1 step; 1 connect on b; 1 open on b; \
     1 step; 2 < 01 on b; 2 step; 3 < 02 on a; 5002 finished",
    "step 4: expected 02, got nothing within 5.00 s"
)]
#[case::the_latest_reply_announces_the_port(
    "expect = 'PP PP'; announced = 'big-endian'",
    "0 step; 0 start; 1 ready; 1 step; 1 connect; 1 open; 1 step; 2 < 00 00; 2 step; 2 finished",
    "step 3: the announced test port is 0"
)]
#[case::what_was_held_is_remembered(
    "resources = 'remember'; resources = 'remember'; resources = 'level'",
    "0 step; 0 start; 1 ready; 1 step; 1 holds 8 3; 251 holds 8 3; 251 step; 251 holds 21 3; 501 holds 21 3; \
     501 step; 501 holds 34 3; 5501 holds 34 3; 5501 finished",
    "step 3: descriptors grow with the sessions from 8 to 21 to 34, threads from 3 to 3 to 3"
)]
#[case::the_first_fault_ends_it(
    "prints = 'x'; prints = 'y'",
    "0 step; 0 start; 1 ready; 1 step; 2 exit 0; 2 finished",
    "step 1: \"x\" was not printed within 5.00 s"
)]
fn a_conversation_is_judged(#[case] steps: &str, #[case] words: &str, #[case] wanted: &str) {
    let (case, transcript) = (case("server", steps), parse_transcript(words));
    assert_eq!(outcome(&case, &transcript), wanted);
    assert_eq!(played(&case, &transcript), wanted);
}

/// The verdict of the player, which asks the judge after every event.
fn played(case: &Case, transcript: &Transcript) -> String {
    let tolerances = Tolerances::default();
    let mut judge = Judge::new(case, &tolerances);
    let mut seen = Transcript::default();
    let mut step: Option<(usize, Duration)> = None;
    for entry in &transcript.entries {
        let ends = matches!(entry.event, Event::Step { .. } | Event::Finished);
        if let Some((index, began)) = step {
            match judge.assess(index, &seen, began, entry.at) {
                Assessment::Held(memory) if ends => judge.remember(memory),
                Assessment::Broken(fault) => return format!("step {index}: {fault}"),
                Assessment::Pending(_) if ends => return format!("unfinished in step {index}"),
                _ => {}
            }
        }
        if let Event::Step { index } = entry.event {
            step = Some((index, entry.at));
        }
        seen.entries.push(entry.clone());
    }
    "passes".to_owned()
}

#[test]
fn no_part_of_a_conversation_passes() {
    let (case, whole) = (case("server", SESSION), parse_transcript(SERVED));
    for length in 0..whole.entries.len() {
        let part = Transcript { entries: whole.entries[..length].to_vec() };
        let verdict = judge(&case, &Tolerances::default(), &part);
        assert!(matches!(verdict, Verdict::Unfinished { .. }), "{length} entries: {verdict:?}");
    }
}

#[test]
fn a_conversation_without_one_of_its_steps_does_not_pass() {
    let (case, whole) = (case("server", SESSION), parse_transcript(SERVED));
    for skipped in 0..case.steps.len() {
        let mut part = whole.clone();
        part.entries.retain(|entry| entry.event != Event::Step { index: skipped });
        let verdict = judge(&case, &Tolerances::default(), &part);
        assert_eq!(verdict, Verdict::Unfinished { step: skipped });
    }
}

#[rstest]
#[case::in_the_middle_of_a_wait("0 step; 0 start; 9999 finished", "unfinished in step 0")]
#[case::with_nothing("", "unfinished in step 0")]
fn what_is_unfinished_says_where(#[case] words: &str, #[case] wanted: &str) {
    assert_eq!(outcome(&case("server", SESSION), &parse_transcript(words)), wanted);
}

#[test]
fn a_transcript_survives_json() {
    let transcript = parse_transcript(SERVED);
    let json = serde_json::to_string(&transcript).unwrap();
    assert_eq!(serde_json::from_str::<Transcript>(&json).unwrap(), transcript);
}
