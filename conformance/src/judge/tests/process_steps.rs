//! The target's process: its start, its end, and its resources.

use rstest::rstest;

use super::notation::{case, stands, stands_after, stands_for, stands_with};
use crate::judge::{Judge, Memory};
use crate::model::fault::Fault;
use crate::model::lateness::Lateness;
use crate::model::tolerance::Tolerances;

#[rstest]
#[case::listening("300 ready", 300, "holds")]
#[case::not_yet("", 9_999, "open until 10000")]
#[case::not_in_time("", 10_000, "nothing listened on TCP port 5678 after 10.0 s")]
#[case::ended("300 exit 1", 300, "the server ended with exit status 1 and had not listened")]
#[case::killed("300 killed 11", 300, "the server ended with signal 11 (SIGSEGV) and had not listened")]
#[case::listening_and_ended("300 ready; 301 exit 0", 301, "holds")]
fn a_server_listens(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("start = true", &format!("0 step; 0 start; {transcript}"), now), stands_as);
}

#[test]
fn only_the_latest_start_counts() {
    let transcript = "0 start; 5 ready; 9 exit 0; 20 step; 20 start";
    assert_eq!(stands("start = true", transcript, 21), "open until 10020");
}

#[rstest]
#[case::client("client")]
#[case::command("command")]
fn what_does_not_serve_need_not_listen(#[case] role: &str) {
    assert_eq!(stands_for(role, "start = true", "0 step; 0 start", 0), "holds");
}

#[rstest]
#[case::listens(
    "command",
    "nonzero",
    "0 start; 9 ready",
    9,
    "its arguments should have been refused, but it listens on TCP port 5678"
)]
#[case::refused_all_the_same("command", "nonzero", "0 start; 9 ready; 10 exit 2", 10, "holds")]
#[case::connected("command", "nonzero", "0 start; 9 accepted 127.0.0.1:5678", 9, "open until 5000")]
#[case::connected_and_goes_on(
    "command",
    "nonzero",
    "0 start; 9 accepted 127.0.0.1:5678",
    5_000,
    "its arguments should have been refused, but it connects, and goes on"
)]
#[case::neither("command", "nonzero", "0 start", 15_000, "the process was still running after 15.0 s")]
#[case::nothing_to_refuse("command", "zero", "0 start; 9 ready", 9, "open until 5000")]
#[case::a_server("server", "nonzero", "0 start; 9 ready", 9, "open until 5000")]
fn a_program_at_work_has_taken_its_arguments(
    #[case] role: &str,
    #[case] status: &str,
    #[case] transcript: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    let step = format!("exits = 'promptly', status = '{status}'");
    assert_eq!(stands_for(role, &step, &format!("0 step; {transcript}"), now), stands_as);
}

#[rstest]
#[case::listens(true)]
#[case::connected(false)]
fn no_slow_machine_excuses_it(#[case] listens: bool) {
    assert_eq!(Fault::ArgumentsTaken { listens }.lateness(), Lateness::Irrelevant);
}

#[test]
fn a_signal_is_not_waited_for() {
    assert_eq!(stands("signal = 'INT'", "0 start; 1 step; 1 signal INT", 1), "holds");
}

#[rstest]
#[case::any("exits = 'promptly'", "9 exit 3", "holds")]
#[case::by_a_signal("exits = 'promptly'", "9 killed 2", "holds")]
#[case::zero("exits = 'promptly', status = 'zero'", "9 exit 0", "holds")]
#[case::not_zero(
    "exits = 'promptly', status = 'zero'",
    "9 exit 1",
    "the process ended with exit status 1, not with exit status 0"
)]
#[case::nonzero("exits = 'promptly', status = 'nonzero'", "9 exit 2", "holds")]
#[case::not_nonzero(
    "exits = 'promptly', status = 'nonzero'",
    "9 exit 0",
    "the process ended with exit status 0, not with an exit status from 1 to 255"
)]
#[case::a_signal_is_not_zero(
    "exits = 'promptly', status = 'zero'",
    "9 killed 2",
    "the process ended with signal 2 (SIGINT), not with exit status 0"
)]
#[case::nor_is_it_nonzero(
    "exits = 'promptly', status = 'nonzero'",
    "9 killed 2",
    "the process ended with signal 2 (SIGINT), not with an exit status from 1 to 255"
)]
fn a_process_ends(#[case] step: &str, #[case] transcript: &str, #[case] stands_as: &str) {
    assert_eq!(stands(step, &format!("0 start; 5 step; {transcript}"), 10), stands_as);
}

#[rstest]
#[case::before("0 start; 1 ready; 5 step", 5_004, "open until 5005")]
#[case::at("0 start; 1 ready; 5 step", 5_005, "the process was still running after 5.00 s")]
#[case::of_a_client("0 start; 1 accepted 127.0.0.1:5678; 5 step", 5_004, "open until 5005")]
#[case::of_one_that_may_still_be_starting("0 start; 5 step", 5_005, "open until 15005")]
#[case::of_one_that_never_did("0 start; 5 step", 15_005, "the process was still running after 15.0 s")]
fn an_end_is_waited_for(#[case] transcript: &str, #[case] now: u64, #[case] stands_as: &str) {
    assert_eq!(stands("exits = 'promptly'", transcript, now), stands_as);
}

#[test]
fn the_end_of_an_earlier_start_is_not_this_ones() {
    assert_eq!(
        stands("exits = 'promptly'", "0 start; 1 exit 0; 2 start; 3 ready; 5 step", 6),
        "open until 5005"
    );
}

/// The count is remembered once it is stable for a moment (250 ms), or the patience is over.
#[rstest]
#[case::fresh("0 holds 9 4", 100, "open until 250")]
#[case::steady("0 holds 9 4; 250 holds 9 4", 250, "holds")]
#[case::falling("0 holds 9 4; 200 holds 8 3", 250, "open until 450")]
#[case::steady_later("0 holds 9 4; 200 holds 8 3", 450, "holds")]
#[case::restless("0 holds 9 4; 4900 holds 8 3", 4_950, "open until 5000")]
#[case::restless_to_the_end("0 holds 9 4; 4900 holds 8 3", 5_000, "holds")]
#[case::not_said_by_the_system("", 0, "holds")]
fn resources_are_remembered_when_they_are_stable(
    #[case] transcript: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    assert_eq!(stands("resources = 'remember'", &format!("0 step; {transcript}"), now), stands_as);
}

#[rstest]
#[case::level((8, 3), (8, 3), "holds 8 3", 20, "holds")]
#[case::fewer((8, 3), (8, 3), "holds 7 2", 20, "holds")]
#[case::a_runtimes_own_thread((8, 19), (8, 20), "holds 8 21", 20, "holds")]
#[case::grown_in_the_first_block_alone((8, 3), (112, 3), "holds 112 3", 20, "holds")]
#[case::grown_in_the_last_block_alone((8, 3), (8, 3), "holds 8 23", 5_000, "holds")]
#[case::one_kind_of_eight_leaks((8, 3), (21, 3), "holds 34 3", 20, "open until 5000")]
#[case::threads_leak((8, 3), (8, 107), "holds 8 211", 20, "open until 5000")]
#[case::for_good(
    (8, 3), (21, 16), "holds 34 29", 5_000,
    "descriptors grow with the sessions from 8 to 21 to 34, threads from 3 to 16 to 29"
)]
#[case::not_said_by_the_system((8, 3), (21, 3), "ready", 5_000, "holds")]
fn a_leak_grows_in_both_blocks(
    #[case] before: (usize, usize),
    #[case] between: (usize, usize),
    #[case] transcript: &str,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    let case = case("server", "resources = 'level'");
    let tolerances = Tolerances::default();
    let mut judge = Judge::new(&case, &tolerances);
    for resources in [before, between] {
        judge.remember(Memory { resources: Some(resources), ..Memory::default() });
    }
    assert_eq!(stands_with(&judge, &format!("0 step; 10 {transcript}"), now), stands_as);
}

const STILL_RUNS: &str =
    "the data thread of a test that was given up had not ended after 5.00 s (opened once, closed not at all)";

#[rstest]
#[case::said("0 out Data thread opening; 5 out Data thread closing", None, 10, "holds")]
#[case::said_of_two(
    "0 out data thread opening\\ndata thread opening; 5 out data thread closing",
    None,
    10,
    "open until 5000"
)]
#[case::not_said_yet("0 out Data thread opening", None, 10, "open until 5000")]
#[case::not_said_in_time("0 out Data thread opening", None, 5_000, STILL_RUNS)]
#[case::a_server_that_prints_nothing("", None, 10, "holds")]
#[case::not_said_but_given_back("0 out Data thread opening; 5 holds 8 3", Some((8, 3)), 10, "holds")]
#[case::neither("0 out Data thread opening; 5 holds 8 4", Some((8, 3)), 5_000, STILL_RUNS)]
#[case::nothing_said_and_kept("5 holds 9 4", Some((8, 3)), 10, "open until 5000")]
#[case::nothing_said_and_a_thread_of_the_runtimes_own("5 holds 8 4", Some((8, 3)), 10, "holds")]
fn a_data_thread_ends(
    #[case] transcript: &str,
    #[case] resources: Option<(usize, usize)>,
    #[case] now: u64,
    #[case] stands_as: &str,
) {
    let memory = Memory { resources, ..Memory::default() };
    let transcript = format!("0 start; 0 step; {transcript}");
    assert_eq!(stands_after("server", "data_thread = 'ended'", memory, &transcript, now), stands_as);
}
