//! Connections: sends, answers, closes, silence, the announced port.

use rstest::rstest;

use super::notation::{stands, stands_after, stands_for};
use crate::judge::Memory;

/// A connection that is open since 0 ms, our Request at 100 ms, the step at 100 ms.
const ASKED: &str = "0 connect; 0 open; 100 > 01 01 01; 100 step";

fn after_asking(events: &str) -> String {
    format!("{ASKED}; {events}")
}

#[rstest]
#[case::at_once("0 connect; 0 open; 10 step; 10 > 01 01 01", 10, "holds")]
#[case::not_all_is_out("0 connect; 0 open; 10 step; 10 > 01 01", 10, "open until 5410")]
#[case::what_went_out_before_does_not_count(
    "0 connect; 0 open; 5 > 01 01 01; 10 step",
    10,
    "open until 5410"
)]
#[case::what_goes_elsewhere_does_not_count(
    "0 connect; 0 open; 10 step; 10 > 01 01 01 on other",
    10,
    "open until 5410"
)]
#[case::in_parts("0 connect; 0 open; 10 step; 10 > 01; 20 > 01 01", 20, "holds")]
#[case::a_target_that_does_not_read_shows_in_what_follows(
    "0 connect; 0 open; 10 step; 10 > 01",
    5410,
    "holds"
)]
#[case::a_connection_still_to_stand("0 connect; 10 step", 10, "holds")]
#[case::a_connection_that_was_reset("0 connect; 0 open; 5 rst; 10 step", 10, "holds")]
#[case::one_that_is_half_closed_is_still_sent_to("0 connect; 0 open; 5 eof; 10 step", 10, "open until 5410")]
#[case::one_that_was_closed_whole("0 connect; 0 open; 5 eof; 10 step; 11 > 01; 12 rst", 12, "holds")]
#[case::a_connection_refused("0 connect; 1 refused; 10 step", 10, "holds")]
fn a_send_is_done_when_all_of_it_is_out(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("send = '01 01 01'", transcript, now), stands_as);
}

#[test]
fn each_segment_has_time_to_be_read() {
    let transcript = "0 connect; 0 open; 10 step; 10 > 01";
    assert_eq!(
        stands("send = '01 | 01 | 01'", transcript, 20),
        format!("open until {}", 10 + 5000 + 3 * 400)
    );
}

#[test]
fn a_long_send_counts_all_its_bytes_though_few_are_kept() {
    let many = "00 ".repeat(1000);
    let transcript = format!("0 connect; 0 open; 10 step; 10 > {many}; 11 > {many}");
    assert_eq!(stands("send = '00*2000'", &transcript, 11), "holds");
    assert_eq!(stands("send = '00*2001'", &transcript, 11), "open until 5410");
}

#[rstest]
#[case::exactly("120 < 01 02 16 2e", 120, "holds")]
#[case::byte_by_byte("120 < 01; 130 < 02; 140 < 16 2e", 140, "holds")]
#[case::nothing_yet("", 100, "open until 5100")]
#[case::a_part_of_it("120 < 01 02", 120, "open until 5100")]
#[case::nothing_in_time("", 5100, "expected 01 02 PP PP, got nothing within 5.00 s")]
#[case::one_moment_before_the_last("", 5099, "open until 5100")]
#[case::a_part_in_time("120 < 01 02", 5100, "expected 01 02 PP PP, got 01 02, then nothing within 5.00 s")]
#[case::a_wrong_byte_is_wrong_at_once(
    "120 < 02",
    120,
    "byte 1 of the answer is 02, not 01 (expected 01 02 PP PP, got 02)"
)]
#[case::the_first_wrong_byte_is_named(
    "120 < 01 03 00 00 00",
    120,
    "byte 2 of the answer is 03, not 02 (expected 01 02 PP PP, got 01 03 00 00 00)"
)]
#[case::one_too_many(
    "120 < 01 02 16 2e 00",
    120,
    "1 bytes too many (expected 01 02 PP PP, got 01 02 16 2e 00)"
)]
#[case::what_comes_on_another_connection_is_none_of_it("120 < 09 on other", 120, "open until 5100")]
#[case::ended_before("120 eof", 120, "expected 01 02 PP PP, got end-of-file before the first byte")]
#[case::ended_within("120 < 01 02; 130 rst", 130, "expected 01 02 PP PP, got 01 02, then reset")]
#[case::bytes_before_a_reset_count("120 < 01 02 16 2e; 121 rst", 121, "holds")]
fn exactly_the_expected_bytes_come(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("expect = '01 02 PP PP'", &after_asking(transcript), now), stands_as);
}

#[rstest]
#[case::since_our_last_byte("0 connect; 0 open; 0 step; 3000 > 01", 3000, "open until 8000")]
#[case::since_the_step_where_that_is_later(
    "0 connect; 0 open; 1000 > 01; 3000 step",
    3000,
    "open until 8000"
)]
#[case::since_our_half_close("0 connect; 0 open; 0 step; 4000 shutdown", 4000, "open until 9000")]
#[case::since_the_opening("0 step; 0 connect; 2000 open", 2000, "open until 7000")]
#[case::refused("0 step; 0 connect; 1 refused", 1, "no connection to port 5678: connection refused")]
fn an_answer_is_waited_for(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("expect = '01'", transcript, now), stands_as);
}

/// The grace is 50 ms. It applies to the first byte.
#[rstest]
#[case::on_time("1100 < 01 03", 1100, "holds")]
#[case::within_the_grace("1050 < 01 03", 1050, "holds")]
#[case::before_it("1049 < 01 03", 1049, "01 03 came 949 ms after our last byte, too early: due after 1.00 s")]
#[case::its_first_byte_before_it(
    "1049 < 01",
    1049,
    "01 came 949 ms after our last byte, too early: due after 1.00 s"
)]
#[case::on_the_last_moment("6099 < 01 03", 6099, "holds")]
#[case::not_by_then("", 6100, "expected 01 03, got nothing within 6.00 s")]
fn an_answer_has_its_window(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    let step = "expect = '01 03', not_before = '1s', within = '6s'";
    assert_eq!(stands(step, &after_asking(transcript), now), stands_as);
}

/// A client that sends its first message twice may use two writes: the second needs time to come.
#[rstest]
#[case::not_settled("10 < 01 01 01", 59, "open until 60")]
#[case::settled("10 < 01 01 01", 60, "holds")]
#[case::twice(
    "10 < 01 01 01; 40 < 01 01 01",
    40,
    "3 bytes too many (expected 01 01 01, got 01 01 01 01 01 01)"
)]
#[case::nothing_follows_an_end("10 < 01 01 01; 11 eof", 11, "holds")]
fn a_clients_first_message_settles(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    let transcript = format!("0 accepted 127.0.0.1:5678; 0 step; {transcript}");
    assert_eq!(stands_for("client", "expect = '01 01 01'", &transcript, now), stands_as);
}

#[test]
fn a_later_message_of_a_client_need_not_settle() {
    let transcript = "0 accepted 127.0.0.1:5678; 0 < 01 01 01; 0 step; 10 < 01 03";
    let memory = Memory { consumed: Some(("control".to_owned(), 0, 3)), ..Memory::default() };
    assert_eq!(stands_after("client", "expect = '01 03'", memory, transcript, 10), "holds");
}

/// Of several connections, the first with new bytes is taken.
#[rstest]
#[case::neither("", 0, "open until 5000")]
#[case::the_second("10 < 01 02 on b", 10, "holds")]
#[case::neither_in_time("", 5000, "expected 01 02, got nothing within 5.00 s")]
#[case::with_the_wrong_word(
    "10 < 09 on b",
    10,
    "byte 1 of the answer is 09, not 01 (expected 01 02, got 09)"
)]
fn the_first_connection_with_new_bytes_is_taken(
    #[case] transcript: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    let transcript =
        format!("0 connect on a; 0 open on a; 0 connect on b; 0 open on b; 0 step; {transcript}");
    assert_eq!(stands("expect = '01 02', on = ['a', 'b'], as = 'served'", &transcript, now), stands_as);
}

#[rstest]
#[case::end_of_file("200 eof", 200, "holds")]
#[case::reset("200 rst", 200, "holds")]
#[case::open("", 100, "open until 5100")]
#[case::open_at_the_last_moment("", 5099, "open until 5100")]
#[case::still_open("", 5100, "the connection was still open 5.00 s after our last byte")]
#[case::a_byte_before(
    "150 < 01; 200 eof",
    200,
    "the connection should have been closed without a word, but 01 came"
)]
#[case::a_byte_instead("150 < 01", 150, "the connection should have been closed without a word, but 01 came")]
fn a_close_comes_promptly(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("closed = 'promptly'", &after_asking(transcript), now), stands_as);
}

#[test]
fn a_refused_connection_does_not_count_as_closed() {
    let transcript = "0 step; 0 connect; 1 refused";
    assert_eq!(
        stands("closed = 'promptly'", transcript, 1),
        "no connection to port 5678: connection refused"
    );
}

/// From 44 s (less 50 ms of grace) to 50 s after our last byte, which went out at 100 ms.
#[rstest]
#[case::due("45100 eof", 45_100, "holds")]
#[case::early_but_right("44100 eof", 44_100, "holds")]
#[case::within_the_grace("44050 eof", 44_050, "holds")]
#[case::too_early(
    "44049 eof",
    44_049,
    "the connection was closed (end-of-file) 43.9 s after our last byte, too early: due after 44.0 s"
)]
#[case::much_too_early(
    "30100 rst",
    30_100,
    "the connection was closed (reset) 30.0 s after our last byte, too early: due after 44.0 s"
)]
#[case::late_but_right("50100 eof", 50_100, "holds")]
#[case::too_late("50101 eof", 50_101, "the connection was still open 50.0 s after our last byte")]
#[case::waiting("", 45_100, "open until 50100")]
#[case::never("", 50_100, "the connection was still open 50.0 s after our last byte")]
#[case::a_byte_before(
    "45000 < 01; 45100 eof",
    45_100,
    "the connection should have been closed without a word, but 01 came"
)]
fn a_close_has_its_window(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("closed = 'at control-timeout'", &after_asking(transcript), now), stands_as);
}

#[test]
fn a_window_counts_from_the_opening_where_we_sent_nothing() {
    let transcript = "0 connect; 1000 open; 40000 step";
    assert_eq!(stands("closed = 'at control-timeout'", transcript, 45_000), "open until 51000");
}

#[rstest]
#[case::so_far("", 200, "open until 350")]
#[case::to_the_end("", 350, "holds")]
#[case::a_byte("200 < 01 02", 200, "nothing was due yet, but 01 02 came")]
#[case::a_close(
    "200 eof",
    200,
    "the connection was closed (end-of-file) 100 ms after our last byte, though nothing was wrong"
)]
#[case::a_byte_is_reported_before_the_close("200 < 01; 201 eof", 201, "nothing was due yet, but 01 came")]
fn a_silence_is_neither_a_byte_nor_a_close(
    #[case] transcript: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    assert_eq!(stands("silent = 'moment'", &after_asking(transcript), now), stands_as);
}

#[test]
fn a_connection_refused_is_no_silence() {
    let transcript = "0 step; 0 connect; 1 refused";
    assert_eq!(stands("silent = 'moment'", transcript, 1), "no connection to port 5678: connection refused");
}

#[rstest]
#[case::half_close("shutdown = true")]
#[case::close("close = true")]
#[case::reset("reset = true")]
fn what_ends_a_connection_waits_until_it_is_open(#[case] step: &str) {
    assert_eq!(stands(step, "0 step; 0 connect", 10), "open until 5000");
    assert_eq!(stands(step, "0 step; 0 connect; 9 open", 10), "holds");
    assert_eq!(stands(step, "0 step; 0 connect; 9 refused", 10), "holds");
    assert_eq!(stands(step, "0 step; 0 connect", 5000), "holds");
}

#[test]
fn a_connect_is_not_waited_for() {
    assert_eq!(stands("connect = 'control'", "0 step; 0 connect", 0), "holds");
}

#[rstest]
#[case::connected("10 accepted 127.0.0.1:5678", 10, "holds")]
#[case::not_yet("", 4999, "open until 5000")]
#[case::never("", 5000, "the client had not connected to port 5678 after 5.00 s")]
#[case::ended_instead("900 exit 1", 900, "the client ended with exit status 1 and had not connected")]
#[case::connected_and_ended("10 accepted 127.0.0.1:5678; 20 exit 0", 20, "holds")]
#[case::another_connection("10 accepted 127.0.0.1:5678 on unexpected-2", 10, "open until 5000")]
fn a_client_connects(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    let transcript = format!("0 start; 0 step; {transcript}");
    assert_eq!(stands_for("client", "accept = 'promptly'", &transcript, now), stands_as);
}

#[rstest]
#[case::there("10 accepted 198.51.100.1:5678", "holds")]
#[case::mapped_into_ipv6("10 accepted [::ffff:198.51.100.1]:5678", "holds")]
#[case::elsewhere(
    "10 accepted 127.0.0.1:5678",
    "the client connected to 127.0.0.1:5678, not to 198.51.100.1"
)]
fn a_client_connects_where_it_was_sent(#[case] transcript: &str, #[case] stands_as: &str) {
    let transcript = format!("0 start; 0 step; {transcript}");
    let (transcript, stands_as) = (with_address(&transcript), with_address(stands_as));
    assert_eq!(stands_for("client", "accept = 'promptly', at = 'external'", &transcript, 10), stands_as);
}

/// Replaces the example address by the namespace's own.
fn with_address(text: &str) -> String {
    text.replace("198.51.100.1", &crate::model::place::ADDRESS.to_string())
}

#[rstest]
#[case::nobody("", "holds")]
#[case::ours_is_not_theirs("5 connect; 6 open", "holds")]
#[case::somebody("5 accepted 127.0.0.1:5678", "it connected, and should have refused its arguments before")]
#[case::who_has_left_again(
    "5 accepted 127.0.0.1:5678; 6 eof",
    "it connected, and should have refused its arguments before"
)]
fn nobody_connects(#[case] transcript: &str, #[case] stands_as: &str) {
    let transcript = format!("0 start; {transcript}; 10 step");
    assert_eq!(stands_for("command", "unconnected = true", &transcript, 10), stands_as);
}

#[rstest]
#[case::as_announced(Some(0x1234), "ports announced", "holds")]
#[case::neither_is_open(Some(0x1234), "ports none", "holds")]
#[case::not_probed(Some(0x1234), "ready", "holds")]
#[case::the_wrong_way_round(
    Some(0x1234),
    "ports swapped",
    "the announced test port 4660 (12 34) is not open, but 13330 is: the two bytes are swapped"
)]
#[case::zero(Some(0), "ports none", "the announced test port is 0")]
#[case::none_at_all(None, "ports none", "no test port was announced")]
fn the_announced_port_is_big_endian(
    #[case] port: Option<u16>,
    #[case] probed: &str,
    #[case] stands_as: &str,
) {
    let memory = Memory { port, ..Memory::default() };
    let transcript = format!("0 step; 1 {probed}");
    assert_eq!(stands_after("server", "announced = 'big-endian'", memory, &transcript, 1), stands_as);
}

/// The time counts from the connection. Before it the client may still be starting (10 s).
#[rstest]
#[case::starting("", 10_999, "open until 11000")]
#[case::never_came("", 11_000, "holds")]
#[case::goes_on("300 accepted 127.0.0.1:5678", 1_299, "open until 1300")]
#[case::over("300 accepted 127.0.0.1:5678", 1_300, "holds")]
#[case::over_with_the_target("10 exit 0", 10, "holds")]
fn serving_judges_nothing(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    let transcript = format!("0 start; 0 step; {transcript}");
    assert_eq!(stands_for("client", "serve = '1s'", &transcript, now), stands_as);
}

/// The runner left two clients, and a third sends its Request: the server serves it after the two.
const BEHIND_TWO: &str = "0 connect on a; 0 open on a; 1 reset on a; 2 connect on b; 2 open on b; 3 close on b; 4 connect; 4 open; \
     100 > 01 01 01; 100 step";

#[rstest]
#[case::the_patience_is_that_of_all_who_stand_before("", 100, "open until 15100")]
#[case::and_no_longer("", 15100, "expected 01 02 PP PP, got nothing within 15.0 s")]
#[case::whom_the_target_closed_is_over("110 eof on a", 110, "open until 10110")]
#[case::those_that_are_left_have_their_time_from_there("9000 eof on a", 9000, "open until 19000")]
#[case::an_answer_that_has_begun_has_its_time_from_there("14000 < 01 02 16", 14000, "open until 19000")]
fn a_client_waits_for_those_before_it(#[case] events: &str, #[case] now: u64, #[case] stands_as: &str) {
    let transcript = format!("{BEHIND_TWO}; {events}");
    assert_eq!(stands("expect = '01 02 PP PP'", &transcript, now), stands_as);
}

#[test]
fn a_connect_behind_others_may_meet_a_full_backlog() {
    let transcript = "0 connect on a; 0 open on a; 1 reset on a; 4 connect; 100 step";
    assert_eq!(
        stands("expect = '01 02 PP PP'", transcript, 100),
        format!("open until {}", 100 + 5000 + 5000 + 7000)
    );
}

#[rstest]
#[case::the_clock_may_begin_with_the_targets_own_answer("", 2000 + 50_000 - 1, "open until 52000")]
#[case::and_no_later("", 2000 + 50_000, "the connection was still open 50.0 s after our last byte")]
#[case::early_counts_from_our_last_byte("44100 eof", 44100, "holds")]
fn a_timeout_is_late_only_after_the_targets_own_answer(
    #[case] events: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    let transcript = format!("0 connect; 0 open; 100 > 01 01 01; 2000 < 01 02 16 2e; 2000 step; {events}");
    let memory = Memory { consumed: Some(("control".to_owned(), 0, 4)), ..Memory::default() };
    assert_eq!(stands_after("server", "closed = 'at control-timeout'", memory, &transcript, now), stands_as);
}
