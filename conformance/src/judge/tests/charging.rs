//! Which requirement a failure is charged to: those of the case, the one of the step, or the one of the step's bytes.

use rstest::rstest;

use super::notation::{case, parse_transcript};
use crate::judge::{Verdict, judge};
use crate::model::tolerance::Tolerances;

/// One open connection, and these events in the last step.
fn charged(step: &str, events: &str) -> String {
    let case = case("server", step);
    let transcript = parse_transcript(&format!(
        "0 step; 0 start; 1 ready; 1 step; 1 connect; 2 open; 2 step; {events}; 9000 finished"
    ));
    match judge(&case, &Tolerances::default(), &transcript) {
        Verdict::Fail(finding) => {
            finding.charged.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    }
}

#[rstest]
#[case::own("expect = '01 02'", "3 < 09", "INV-1")]
#[case::what_the_step_rests_on("expect = '01 02', requirement = 'SRV-2'", "3 < 09", "SRV-2")]
#[case::what_the_bytes_rest_on("expect = '01 02', content = 'SRV-2'", "3 < 09", "SRV-2")]
#[case::a_surplus_is_of_content("expect = '01 02', content = 'SRV-2'", "3 < 01 02 03", "SRV-2")]
#[case::so_is_a_part_of_it("expect = '01 02', content = 'SRV-2'", "3 < 01; 4 eof", "SRV-2")]
#[case::so_is_a_part_that_hangs("expect = '01 02', content = 'SRV-2'", "3 < 01", "SRV-2")]
#[case::nothing_at_all_is_not("expect = '01 02', content = 'SRV-2'", "3 eof", "INV-1")]
#[case::nor_is_a_silence("expect = '01 02', content = 'SRV-2'", "3 shutdown", "INV-1")]
#[case::content_before_requirement(
    "expect = '01 02', content = 'SRV-2', requirement = 'SRV-7'",
    "3 < 09",
    "SRV-2"
)]
#[case::requirement_where_nothing_came(
    "expect = '01 02', content = 'SRV-2', requirement = 'SRV-7'",
    "3 eof",
    "SRV-7"
)]
#[case::bytes_before_a_close("closed = 'promptly', content = 'SRV-6'", "3 < 00; 4 eof", "SRV-6")]
#[case::no_close("closed = 'promptly', content = 'SRV-6'", "3 shutdown", "INV-1")]
#[case::bytes_in_a_silence("silent = 'moment', content = 'SRV-4'", "3 < 00", "SRV-4")]
#[case::a_close_in_a_silence("silent = 'moment', content = 'SRV-4'", "3 eof", "INV-1")]
fn a_failure_is_charged(#[case] step: &str, #[case] events: &str, #[case] ids: &str) {
    assert_eq!(charged(step, events), ids);
}

/// The start that the runner adds is charged to SRV-1.
#[rstest]
#[case::the_start("0 step; 0 start; 1 exit 1; 2 finished", "SRV-1")]
#[case::the_start_in_time("0 step; 0 start; 10000 finished", "SRV-1")]
fn an_implied_start_is_charged_to_srv_1(#[case] events: &str, #[case] id: &str) {
    let case = case("server", "closed = 'promptly'");
    let Verdict::Fail(finding) = judge(&case, &Tolerances::default(), &parse_transcript(events)) else {
        panic!()
    };
    assert_eq!(finding.charged, [id.parse().unwrap()]);
}

/// A session that is not served is charged to the case. Wrong messages are charged to SRV-2 and SRV-5.
#[rstest]
#[case::no_reply("8000 finished", "INV-1")]
#[case::refused("3 refused on session-1; 4 finished", "INV-1")]
#[case::a_wrong_reply("3 < 02 on session-1; 4 finished", "SRV-2")]
#[case::no_results(
    "3 < 01 02 00 01 on session-1; 3 step; 3 > 01 03 on session-1; 3 step; 9000 finished",
    "SRV-5"
)]
#[case::wrong_results(
    "3 < 01 02 00 01 on session-1; 3 step; 3 > 01 03 on session-1; 3 step; 4 < 02 on session-1; 5 finished",
    "SRV-5"
)]
fn a_session_is_charged(#[case] events: &str, #[case] id: &str) {
    let case = case("server", "session = 'TCP_STREAM'");
    let transcript = parse_transcript(&format!(
        "0 step; 0 start; 1 ready; 1 step; 1 connect on session-1; 2 open on session-1; \
         2 step; 2 > 01 01 01 on session-1; 2 step; {events}"
    ));
    match judge(&case, &Tolerances::default(), &transcript) {
        Verdict::Fail(finding) => assert_eq!(finding.charged, [id.parse().unwrap()]),
        other => panic!("{other:?}"),
    }
}
