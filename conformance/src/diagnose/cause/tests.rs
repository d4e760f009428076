//! The causes that are recognised, with a row for each.

mod command;
mod file;
mod measurement;

use std::time::Duration;

use rstest::rstest;

use super::recognise;
use crate::model::bytes::Pattern;
use crate::model::fault::Fault;
use crate::model::outcome::CaseRecord;
use crate::model::sample::failed;
use crate::model::step::Status;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{EndedBy, Exit};

/// A server's case: what happened after it was ready, and the fault.
fn of_server(script: &str, fault: Fault) -> String {
    let script = format!("0 start\n100 ready\n{script}");
    key(&failed("server/sample", "SRV-5", "--server", &script, fault))
}

fn of_client(args: &str, script: &str, fault: Fault) -> String {
    key(&failed(
        "client/sample",
        "CLT-4",
        &format!("--client {args}"),
        &format!("0 start\n100 accepted 127.0.0.1:5678\n{script}"),
        fault,
    ))
}

fn key(case: &CaseRecord) -> String {
    let Some(cause) = recognise(case, &Tolerances::default()).and_then(|look| look.cause()) else {
        return "nothing".to_owned();
    };
    let filled = [&cause.key, &cause.title, &cause.remedy].iter().all(|text| !text.contains('{'));
    assert!(filled, "a placeholder was not filled in: {cause:?}");
    cause.key
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

fn wrong(expected: &str, actual: &str) -> Fault {
    let (expected, actual) = (pattern(expected), bytes(actual));
    let offset = expected.bytes.iter().zip(&actual).position(|(wanted, byte)| !wanted.admits(*byte));
    match offset {
        Some(offset) => Fault::WrongByte { expected, actual, offset },
        None => Fault::SurplusBytes { expected, actual },
    }
}

fn missing(expected: &str, actual: &str) -> Fault {
    Fault::BytesMissing { expected: pattern(expected), actual: bytes(actual), waited: Duration::from_secs(5) }
}

fn ended(expected: &str, actual: &str) -> Fault {
    Fault::EndedBeforeBytes { expected: pattern(expected), actual: bytes(actual), by: EndedBy::EndOfFile }
}

fn answered(actual: &str) -> Fault {
    Fault::BytesBeforeClose { actual: bytes(actual) }
}

fn in_silence(actual: &str) -> Fault {
    Fault::BytesInSilence { actual: bytes(actual) }
}

fn still_open(seconds: u64) -> Fault {
    Fault::StillOpen { waited: Duration::from_secs(seconds) }
}

fn closed_after(seconds: f64) -> Fault {
    let after = Duration::from_secs_f64(seconds);
    Fault::ClosedInSilence { by: EndedBy::EndOfFile, after, not_before: 2 * after }
}

fn closed_too_early(seconds: f64) -> Fault {
    Fault::ClosedTooEarly {
        after: Duration::from_secs_f64(seconds),
        not_before: Duration::from_secs(44),
        by: EndedBy::EndOfFile,
    }
}

const REPLY: &str = "01 02 PP PP";
const RESULTS: &str = "01 04 ??*8";
const IN_TEST: &str = "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n";

#[rstest]
#[case::type_("type-of-Reply", wrong(REPLY, "01 03 9c bb"))]
#[case::version("version-of-Reply", wrong(REPLY, "02 02 9c bb"))]
#[case::swapped("fields-swapped", wrong(REPLY, "02 01 9c bb"))]
#[case::wide("fields-too-wide", wrong(REPLY, "01 00 00 00 02 00 00 00 bb 9c 00 00"))]
#[case::wide_big("fields-too-wide", wrong(REPLY, "00 00 00 01 00 00 00 02"))]
#[case::text("text", wrong(REPLY, "31 20 32 20 34 30 30 30 30 0a"))]
#[case::newline("line-end", wrong(REPLY, "01 02 9c bb 0a"))]
#[case::crlf("line-end", wrong(REPLY, "01 02 9c bb 0d 0a"))]
#[case::zero("Reply-too-long", wrong(REPLY, "01 02 9c bb 00"))]
#[case::results_at_once("results-before-done", wrong(REPLY, "01 02 9c bb 01 04 00 00 00 00 00 00 00 00"))]
#[case::twice("message-too-many", wrong(REPLY, "01 02 9c bb 01 02 9c bb"))]
#[case::short("Reply-too-short", missing(REPLY, "01 02 9c"))]
fn a_wrong_reply(#[case] cause: &str, #[case] fault: Fault) {
    assert_eq!(of_server("200 connect\n200 open\n200 > 010101\n300 < 01", fault), cause);
}

#[rstest]
#[case::padded("results-padded", wrong(RESULTS, "01 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00"))]
#[case::narrow("count-32-bits", ended(RESULTS, "01 04 00 00 00 00"))]
#[case::narrow_aligned("count-32-bits", missing(RESULTS, "01 04 00 00 00 00 00 00"))]
#[case::little("count-little-endian", wrong("01 04 00*8", "01 04 07 00 00 00 00 00 00 00"))]
#[case::little_exact("count-little-endian", wrong("01 04 00*6 01 2c", "01 04 2c 01 00 00 00 00 00 00"))]
#[case::invented("count-wrong", wrong("01 04 00*8", "01 04 00 00 00 00 00 00 00 07"))]
#[case::newline("line-end", wrong(RESULTS, "01 04 00 00 00 00 00 00 00 00 0a"))]
#[case::again("reply-again", wrong(RESULTS, "01 02 9c bb"))]
#[case::behind("Reply-too-long", wrong(RESULTS, "00 01 04 00 00 00 00 00 00 00 00"))]
#[case::none("no-results", ended(RESULTS, ""))]
#[case::waits("done-unanswered", missing(RESULTS, ""))]
fn wrong_results(#[case] cause: &str, #[case] fault: Fault) {
    assert_eq!(of_server(&format!("{IN_TEST}400 > 0103\n500 eof"), fault), cause);
}

#[rstest]
#[case::swapped("port-little-endian", Fault::PortSwapped { announced: 0xbb9c, open: 0x9cbb })]
#[case::zero("port-zero", Fault::PortZero)]
#[case::kept("not-closed-after-results", still_open(5))]
#[case::after_results("line-end", answered("0a"))]
#[case::results_twice("speaks-after-results", answered("01 04 00 00 00 00 00 00 00 00"))]
fn around_a_good_session(#[case] cause: &str, #[case] fault: Fault) {
    let tail =
        if matches!(&fault, Fault::BytesBeforeClose { actual } if actual.len() == 1) { "0a" } else { "" };
    let tail = if cause == "speaks-after-results" { "01040000000000000000" } else { tail };
    let script = format!("{IN_TEST}400 > 0103\n500 < 01040000000000000000{tail}");
    assert_eq!(of_server(&script, fault), cause);
}

#[rstest]
#[case::version("02 01 01", "01 02 9c bb", "no-version-check-request")]
#[case::type_("01 03 01", "01 02 9c bb", "no-type-check-request")]
#[case::test("01 01 05", "01 02 9c bb", "no-test-type-check")]
#[case::refusal("01 01 05", "01 02 00 00", "refusal-answered")]
#[case::text("01 01 05", "65 72 72 6f 72 0a", "text-for-client")]
fn a_bad_request_is_answered(#[case] sent: &str, #[case] came: &str, #[case] cause: &str) {
    let script = format!("200 connect\n200 open\n200 > {sent}\n300 < {came}");
    assert_eq!(of_server(&script, answered(came)), cause);
}

#[rstest]
#[case::version("02 03", "01 04 00 00 00 00 00 00 00 00", "no-version-check-done")]
#[case::type_("01 04", "01 04 00 00 00 00 00 00 00 00", "no-type-check-done")]
#[case::request_as_done("01 01 01", "01 04 00 00 00 00 00 00 00 00", "no-type-check-done")]
#[case::second_request("01 01 01", "01 02 9c bb", "second-request-answered")]
fn a_bad_done_is_answered(#[case] sent: &str, #[case] came: &str, #[case] cause: &str) {
    assert_eq!(of_server(&format!("{IN_TEST}400 > {sent}\n500 < {came}"), answered(came)), cause);
}

#[rstest]
#[case::greeting("200 connect\n200 open\n300 < 01029cbb", in_silence("01 02 9c bb"), "speaks-first")]
#[case::welcome("200 connect\n200 open\n300 < 68690a", in_silence("68 69 0a"), "text-for-client")]
#[case::part(
    "200 connect\n200 open\n200 > 0101\n300 < 01029cbb",
    in_silence("01 02 9c bb"),
    "answers-part-of-request"
)]
#[case::results(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 < 01040000000000000000",
    in_silence("01 04 00 00 00 00 00 00 00 00"),
    "results-before-done"
)]
#[case::alive(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 < 00",
    in_silence("00"),
    "speaks-during-test"
)]
#[case::half_done(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 > 01\n500 < 01040000000000000000",
    in_silence("01 04 00 00 00 00 00 00 00 00"),
    "answers-part-of-done"
)]
#[case::at_the_timeout(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n45200 < 01040000000000000000",
    answered("01 04 00 00 00 00 00 00 00 00"),
    "timeout-answers"
)]
fn a_server_sends_when_nothing_is_due(#[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_server(script, fault), cause);
}

#[rstest]
#[case::request_closed(
    "200 connect\n200 open\n200 > 01\n300 > 0101\n300 eof",
    ended(REPLY, ""),
    "one-recv-Request"
)]
#[case::request_reset(
    "200 connect on a\n200 open on a\n200 > 010101 on a\n210 < 01029cbb on a\n220 eof on a\n\
     300 connect\n300 open\n300 > 01\n400 > 0101\n400 rst",
    Fault::EndedBeforeBytes { expected: pattern(REPLY), actual: Vec::new(), by: EndedBy::Reset },
    "one-recv-Request"
)]
#[case::request_silent("200 connect\n200 open\n200 > 01\n300 > 0101", missing(REPLY, ""), "one-recv-Request")]
#[case::request_cut_short("200 connect\n200 open\n200 > 0101\n300 eof", ended(REPLY, ""), "one-recv-Request")]
#[case::request_part("200 connect\n200 open\n200 > 01\n300 eof", closed_after(0.1), "one-recv-Request")]
#[case::done(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 > 01\n500 > 03",
    missing(RESULTS, ""),
    "one-recv-Done"
)]
#[case::eaten("200 connect\n200 open\n200 > 0101010103\n300 < 01029cbb", missing(RESULTS, ""), "eaten-done")]
#[case::eaten_of_both(
    "200 connect\n200 open\n200 > 0101010103\n300 < 01029cbb",
    missing("01 02 PP PP 01 04 ??*8", "01 02 9c bb"),
    "eaten-done"
)]
#[case::gone_before_done(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n300 eof",
    ended(RESULTS, ""),
    "closes-after-reply"
)]
#[case::too_long(
    "200 connect\n200 open\n200 > 0101010103\n300 eof",
    ended(REPLY, ""),
    "too-long-for-request"
)]
#[case::behind_done(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 > 0103ff\n500 eof",
    ended(RESULTS, ""),
    "too-long-for-done"
)]
#[case::half_close(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 > 0103\n400 shutdown\n500 eof",
    ended(RESULTS, ""),
    "half-close"
)]
#[case::checkpoint(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n300 eof",
    closed_after(0.1),
    "closes-after-reply"
)]
#[case::udp_rr("200 connect\n200 open\n200 > 010104\n300 eof", ended(REPLY, ""), "request-unanswered")]
#[case::waits_for_more("200 connect\n200 open\n200 > 010101", missing(REPLY, ""), "request-unanswered")]
#[case::bad_kept("200 connect\n200 open\n200 > 020101", still_open(5), "kept-open-a-bad-Request")]
#[case::bad_done_kept(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n400 > 0203",
    still_open(5),
    "kept-open-a-bad-Done"
)]
fn messages_in_pieces(#[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_server(script, fault), cause);
}

#[rstest]
#[case::end_of_file("200 connect\n200 open\n200 > 01\n300 close\n", "end-of-file-unseen")]
#[case::reset("200 connect\n200 open\n200 > 01\n300 reset\n", "stuck-after-reset")]
#[case::refusal("200 connect\n200 open\n200 > 020101\n300 eof\n300 close\n", "stuck-after-close")]
fn nobody_is_served_afterwards(#[case] before: &str, #[case] cause: &str) {
    let script =
        format!("{before}400 connect on session-5\n400 open on session-5\n400 > 010101 on session-5");
    assert_eq!(of_server(&script, missing(REPLY, "")), cause);
}

#[rstest]
#[case::gone("exit 0", "server-ended")]
#[case::pipe("killed 13", "sigpipe")]
#[case::memory("killed 11", "killed")]
#[case::trace(
    "err Traceback (most recent call last):\\n  File \"t.py\", line 9, in f\\nKeyError: 7",
    "uncaught KeyError t.py:9"
)]
#[case::alive("out nothing to see", "accept-loop-ended")]
fn nobody_listens_afterwards(#[case] event: &str, #[case] cause: &str) {
    let script = format!(
        "200 connect\n200 open\n200 > 01\n300 close\n300 {event}\n400 connect on session-5\n400 refused on session-5"
    );
    assert_eq!(of_server(&script, Fault::NotConnected { error: "connection refused".to_owned() }), cause);
}

#[rstest]
#[case::behind(
    "200 connect on a\n200 open on a\n300 connect\n300 open\n300 > 010101\n50300 ready",
    missing(REPLY, ""),
    "no-timeout"
)]
#[case::never("200 connect\n200 open\n50200 connect on x", still_open(50), "no-timeout")]
#[case::within("200 connect\n200 open\n200 > 01", still_open(50), "no-timeout")]
#[case::after_reply("200 connect\n200 open\n200 > 010101\n300 < 01029cbb", still_open(50), "no-timeout")]
#[case::minute("200 connect\n200 open\n60200 eof", still_open(50), "timeout-too-long")]
#[case::half_minute("200 connect\n200 open\n30200 eof", closed_too_early(30.0), "timeout-too-short")]
#[case::silence("200 connect\n200 open\n30200 eof", closed_after(30.0), "timeout-too-short")]
#[case::whole_message(
    "200 connect\n200 open\n200 > 01\n25200 > 01\n45200 eof",
    closed_after(20.0),
    "timeout-not-restarted"
)]
#[case::whole_session(
    "200 connect\n200 open\n40200 > 010101\n40300 < 01029cbb\n45200 eof",
    closed_too_early(5.0),
    "timeout-not-restarted"
)]
#[case::late_done(
    "200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n30200 eof\n40200 > 0103",
    ended(RESULTS, ""),
    "timeout-too-short"
)]
fn the_timeout_is_wrong(#[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_server(script, fault), cause);
}

#[rstest]
#[case::parallel("500 < 01029cbb on b", in_silence("01 02 9c bb"), "clients-in-parallel")]
#[case::turned_away("500 eof on b", closed_after(0.1), "second-client-turned-away")]
#[case::refused("500 refused connection refused on b",
    Fault::NotConnected { error: "connection refused".to_owned() }, "not-listening-during-test")]
#[case::lost("500 > 0103\n600 < 01040000000000000000\n600 eof\n600 rst on b", ended(REPLY, ""), "queue-lost")]
#[case::all_reset(
    "500 > 0103\n600 < 01040000000000000000\n600 eof\n600 connect on c\n600 > 010101 on c\n700 rst on c",
    missing(REPLY, ""),
    "queue-lost"
)]
#[case::not_served("500 > 0103\n600 < 01040000000000000000\n600 eof", missing(REPLY, ""), "queue-lost")]
fn a_second_client_is_not_served(#[case] tail: &str, #[case] fault: Fault, #[case] cause: &str) {
    let script = format!("{IN_TEST}400 connect on b\n400 open on b\n400 > 010102 on b\n{tail}");
    let mut case = failed("server/sample", "SER-1", "--server", &script, fault);
    case.connection = Some("b".to_owned());
    assert_eq!(key(&case), cause);
}

#[rstest]
#[case::data_thread("200 < 010101\n300 > 01029cbb\n500 signal INT", Fault::StillRunning { waited: Duration::from_secs(5) },
    "interrupt-waits-for-data-thread")]
#[case::swallowed("200 < 010101\n500 signal INT", Fault::StillRunning { waited: Duration::from_secs(5) }, "interrupt-swallowed")]
#[case::trace("200 < 010101\n500 signal INT\n600 err Traceback (most recent call last):\\n  File \"t.py\", line 9, in f\\nKeyboardInterrupt\\n\n600 exit 130",
    Fault::NotPrinted { text: "Exiting Client".to_owned(), waited: Duration::from_secs(5) },
    "uncaught-interrupt")]
#[case::silent("500 signal INT\n600 exit 0",
    Fault::NotPrinted { text: "Exiting Client".to_owned(), waited: Duration::from_secs(5) }, "exit-line-missing")]
#[case::other_mode("500 signal INT\n600 out Exiting Server\\n\n600 exit 0",
    Fault::NotPrinted { text: "Exiting Client".to_owned(), waited: Duration::from_secs(5) }, "exit-line-of-other-mode")]
fn an_interrupted_client(#[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_client("--time=60", script, fault), cause);
}

#[rstest]
#[case::numbering(
    "--test=UDP_STREAM",
    "200 < 010102",
    wrong("01 01 03", "01 01 02"),
    "test-numbered-wrongly"
)]
#[case::default_test("", "200 < 010100", wrong("01 01 01", "01 01 00"), "default-test")]
#[case::padded("", "200 < 01010100", wrong("01 01 01", "01 01 01 00"), "Request-too-long")]
#[case::padded_before_done(
    "",
    "200 < 010101\n300 > 01029cbb\n1300 < 000103",
    wrong("01 03", "00 01 03"),
    "Request-too-long"
)]
#[case::twice_at_once("", "200 < 010101010101", wrong("?? ?? 01", "01 01 01 01 01 01"), "request-twice")]
#[case::twice("", "200 < 010101\n400 < 010101", in_silence("01 01 01"), "request-twice")]
#[case::line_end("", "200 < 010101\n400 < 0a", in_silence("0a"), "line-end")]
#[case::done_early("", "200 < 010101\n400 < 0103", in_silence("01 03"), "done-before-reply")]
#[case::at_once("--time=1", "200 < 010101\n300 > 01029cbb\n300 < 0103", Fault::BytesTooEarly {
    actual: bytes("01 03"), after: Duration::from_millis(2), not_before: Duration::from_secs(1) }, "done-at-once")]
#[case::default_time("", "200 < 010101\n300 > 01029cbb\n10300 < 0103", Fault::BytesTooEarly {
    actual: bytes("01 03"), after: Duration::from_secs(10), not_before: Duration::from_secs(30) }, "default-time")]
#[case::no_done("--time=1", "200 < 010101\n300 > 01029cbb", missing("01 03", ""), "no-done")]
#[case::one_recv("--time=1", "200 < 010101\n300 > 01\n400 > 029cbb", missing("01 03", ""), "one-recv-Reply")]
#[case::no_end("--time=1", "200 < 010101\n300 > 01029cbb\n1300 < 0103\n1400 > 01040000000000000000\n1400 close",
    Fault::StillRunning { waited: Duration::from_secs(5) }, "waits-after-results")]
#[case::status("--time=1", "200 < 010101\n300 > 01029cbb\n1300 < 0103\n1400 > 01040000000000000000\n1400 close",
    Fault::WrongExit { exit: Exit::Status(1), wanted: Status::Zero }, "fails-after-success")]
#[case::leaves("--time=1", "200 < 010101\n300 > 01029cbb\n1300 < 0103\n1301 eof\n1400 close",
    Fault::WrongExit { exit: Exit::Status(0), wanted: Status::Nonzero }, "leaves-after-done")]
#[case::gone("--time=1", "200 < 010101\n300 close", Fault::StillRunning { waited: Duration::from_secs(5) },
    "server-gone-unseen")]
#[case::gone_well("--time=1", "200 < 010101\n300 close",
    Fault::WrongExit { exit: Exit::Status(0), wanted: Status::Nonzero }, "fails-with-status-0")]
#[case::bad_reply("--time=1", "200 < 010101\n300 > 02029cbb",
    Fault::WrongExit { exit: Exit::Status(0), wanted: Status::Nonzero }, "bad-answer-accepted")]
#[case::elsewhere("--target=127.0.0.1", "", Fault::NotAccepted { waited: Duration::from_secs(10), exit: None },
    "client-never-connects")]
#[case::usage("--target=127.0.0.1", "", Fault::NotAccepted {
    waited: Duration::from_secs(10), exit: Some(Exit::Status(2)) }, "client-ends-before-connecting")]
fn a_wrong_client(#[case] args: &str, #[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_client(args, script, fault), cause);
}

#[rstest]
#[case::little("9900000000000000000 9899988776655443332", "count-not-reported")]
#[case::little_exact("got 9900958322440273920 datagrams", "count-read-little-endian")]
#[case::narrow("got 591751049 datagrams", "count-read-32-bits")]
fn a_count_is_misread(#[case] printed: &str, #[case] cause: &str) {
    let script = format!(
        "0 start\n100 accepted 127.0.0.1:5678\n200 < 010103\n300 > 01029cbb\n1300 < 0103\n1400 > 01040000000123456789\n1500 out {printed}\\n"
    );
    let fault = Fault::NotPrinted { text: "[0-9]".to_owned(), waited: Duration::from_secs(5) };
    assert_eq!(key(&failed("client/sample", "CLT-7", "--client --time=1", &script, fault)), cause);
}

#[rstest]
#[case::reuse("200 exit 0\n300 start\n400 err OSError: [Errno 98] Address already in use\\n\n400 exit 1",
    Fault::NotListening { waited: Duration::from_secs(10), exit: Some(Exit::Status(1)) }, "address-in-use")]
#[case::never("", Fault::NotListening { waited: Duration::from_secs(10), exit: None }, "never-listens")]
#[case::opening("", Fault::NotPrinted { text: "Data thread opening".to_owned(), waited: Duration::from_secs(5) },
    "opening-line-missing")]
#[case::worded("300 out Data thread started\\n",
    Fault::NotPrinted { text: "Data thread opening".to_owned(), waited: Duration::from_secs(5) },
    "data-thread-line-worded-otherwise")]
#[case::twice("300 out Data thread opening\\n", Fault::PrintedTimes {
    text: "Data thread opening".to_owned(), times: 2, wanted: 1 }, "data-thread-line-twice")]
#[case::threads("", Fault::Leaked { before: (5, 2), between: (5, 106), after: (5, 210) }, "threads-leaked")]
#[case::sockets("", Fault::Leaked { before: (5, 2), between: (109, 2), after: (213, 2) }, "descriptors-leaked")]
fn a_server_around_its_sessions(#[case] script: &str, #[case] fault: Fault, #[case] cause: &str) {
    assert_eq!(of_server(script, fault), cause);
}

#[test]
fn a_case_that_passed_has_no_cause() {
    let mut case = failed("server/sample", "SRV-5", "--server", "0 start", Fault::PortZero);
    case.finding = None;
    assert_eq!(recognise(&case, &Tolerances::default()), None);
}
