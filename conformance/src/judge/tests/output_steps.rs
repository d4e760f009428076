//! What the target prints, and what it must not.

use rstest::rstest;

use super::notation::{stands, stands_for};

#[rstest]
#[case::as_it_stands("10 out Exiting Server\\n", "holds")]
#[case::in_other_letters("10 out >>> EXITING SERVER!\\n", "holds")]
#[case::on_the_other_stream("10 err exiting server", "holds")]
#[case::printed_before_the_step("0 out Exiting Server; 5 step", "holds")]
#[case::in_two_writes("10 out Exiting; 11 out  Server", "holds")]
#[case::not_yet("10 out Exiting", "open until 5000")]
#[case::half_on_each_stream("10 out Exiting; 11 err  Server", "open until 5000")]
#[case::ended_without("10 exit 0", "\"Exiting Server\" was not printed within 5.00 s")]
#[case::printed_and_ended("9 out exiting server; 10 exit 0", "holds")]
fn a_text_is_printed(#[case] transcript: &str, #[case] stands_as: &str) {
    let transcript = format!("0 start; 0 step; {transcript}");
    assert_eq!(stands("prints = 'Exiting Server'", &transcript, 20), stands_as);
}

#[rstest]
#[case::before_the_deadline(1999, "open until 2000")]
#[case::at_the_deadline(2000, "\"x\" was not printed within 2.00 s")]
fn a_text_is_waited_for(#[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("prints = 'x', within = '2s'", "0 step", now), stands_as);
}

#[rstest]
#[case::there("10 err oops", "holds")]
#[case::on_the_other("10 out oops", "open until 5000")]
fn a_stream_may_be_named(#[case] transcript: &str, #[case] stands_as: &str) {
    assert_eq!(stands("prints = 'oops', stream = 'stderr'", &format!("0 step; {transcript}"), 10), stands_as);
}

#[rstest]
#[case::once("10 out opening", 10, "holds")]
#[case::not_yet("", 10, "open until 5000")]
#[case::twice("10 out opening, opening", 10, "\"opening\" was printed twice, not once")]
#[case::once_on_each_stream("10 out opening; 11 err opening", 11, "\"opening\" was printed twice, not once")]
#[case::never("", 5000, "\"opening\" was not printed within 5.00 s")]
fn a_text_is_printed_so_often(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("prints = 'opening', times = 1", &format!("0 step; {transcript}"), now), stands_as);
}

#[test]
fn too_seldom_is_not_never() {
    let transcript = "0 step; 10 out opening";
    let stands_as = "\"opening\" was printed once, not twice";
    assert_eq!(stands("prints = 'opening', times = 2", transcript, 5000), stands_as);
}

#[rstest]
#[case::matches("10 out at 12.5 Mbit/s\\n", "holds")]
#[case::letter_case_matters("10 out at 12.5 mbit/s\\n", "open until 5000")]
#[case::lines_begin_and_end("10 out x\\nat 1 Mbit/s\\ny", "holds")]
fn a_pattern_is_printed(#[case] transcript: &str, #[case] stands_as: &str) {
    assert_eq!(
        stands(r"prints_match = '^at [\d.]+ Mbit/s$'", &format!("0 step; {transcript}"), 10),
        stands_as
    );
}

#[rstest]
#[case::nothing("unprinted = 'loss'", "", "holds")]
#[case::something_else("unprinted = 'loss'", "10 out lost", "holds")]
#[case::on_either_stream(
    "unprinted = 'loss'",
    "10 err Loss: 3 %",
    "\"Loss\" was printed and should not have been by then"
)]
#[case::on_the_other_stream("unprinted = 'loss', stream = 'stdout'", "10 err loss", "holds")]
#[case::as_a_pattern(
    r"unprinted_match = '\d+ %'",
    "10 out loss 3 %",
    "\"3 %\" was printed and should not have been by then"
)]
fn a_text_is_not_printed(#[case] step: &str, #[case] transcript: &str, #[case] stands_as: &str) {
    assert_eq!(stands(step, &format!("0 step; {transcript}"), 10), stands_as);
}

#[rstest]
#[case::a_message("10 err connection refused", "holds")]
#[case::on_standard_output("10 out connection refused", "holds")]
#[case::the_data_thread_is_no_message("10 out Data thread opening\\nDATA THREAD closing", "open until 5000")]
#[case::nor_is_an_empty_line("10 out \\n  \\n", "open until 5000")]
#[case::nor_is_the_version_check_of_the_assignment(
    "10 out Using Python 3.12 to run program",
    "open until 5000"
)]
#[case::before_the_end_of_its_line(
    "10 err no; 11 out Data thread closing\\n; 12 err \\n; 13 exit 1",
    "holds"
)]
#[case::after_a_line_of_the_data_thread(
    "10 out Data thread; 11 err no; 12 out  closing\\n; 13 exit 1",
    "holds"
)]
#[case::ended_without_a_word("10 exit 1", "nothing was printed that says what went wrong")]
#[case::ended_with_a_word("9 err no; 10 exit 1", "holds")]
fn somebody_complains(#[case] transcript: &str, #[case] stands_as: &str) {
    let transcript = format!("0 start; 5 step; {transcript}");
    assert_eq!(stands_for("client", "complains = true", &transcript, 10), stands_as.replace("5000", "5005"));
}

/// A message can only be about the runner's last action.
#[rstest]
#[case::we_sent("> 01")]
#[case::we_closed("close")]
#[case::we_reset("reset")]
#[case::we_half_closed("shutdown")]
#[case::we_started_it_again("start")]
fn what_was_printed_before_is_no_complaint(#[case] ours: &str) {
    let transcript = format!("0 start; 1 out connecting to 127.0.0.1; 2 {ours}; 2 step");
    assert_eq!(stands_for("client", "complains = true", &transcript, 3), "open until 5002");
    let transcript = format!("{transcript}; 3 err the server left");
    assert_eq!(stands_for("client", "complains = true", &transcript, 3), "holds");
}

#[test]
fn a_complaint_is_waited_for() {
    let stands_as = "nothing was printed that says what went wrong";
    assert_eq!(stands_for("client", "complains = true", "0 start; 0 step", 5000), stands_as);
}

#[rstest]
#[case::quiet("", "holds")]
#[case::a_message("10 out Exiting Server", "holds")]
#[case::an_error_status("10 exit 1", "holds")]
#[case::a_trace(
    "10 err Traceback (most recent call last):\\n  File",
    "a Python stack trace was printed: Traceback (most recent call last):"
)]
#[case::our_signal("5 signal INT; 10 killed 2", "holds")]
#[case::another_signal_than_ours(
    "5 signal INT; 10 killed 15",
    "the process was killed by signal 15 (SIGTERM)"
)]
#[case::a_crash("10 killed 11", "the process was killed by signal 11 (SIGSEGV)")]
fn there_is_no_trace(#[case] transcript: &str, #[case] stands_as: &str) {
    assert_eq!(stands("no_trace = true", &format!("0 start; 0 step; {transcript}"), 20), stands_as);
}

#[test]
fn a_signal_to_an_earlier_start_excuses_nothing() {
    let transcript = "0 start; 1 signal INT; 2 exit 0; 3 start; 3 step; 4 killed 2";
    assert_eq!(stands("no_trace = true", transcript, 5), "the process was killed by signal 2 (SIGINT)");
}
