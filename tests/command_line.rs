//! The command line as a person meets it: help, refusals, statuses.

use std::process::{Command, Stdio};

use predicates::prelude::*;
use predicates::str::{contains, is_match};
use rstest::rstest;

fn tester() -> assert_cmd::Command {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_tester"))
}

#[test]
fn help_names_everything() {
    // Without a terminal, the width is this variable's, or 100.
    let help = tester().env_remove("COLUMNS").arg("--help").assert().success();
    insta::assert_snapshot!(String::from_utf8_lossy(&help.get_output().stdout));
}

#[test]
fn version_is_a_number() {
    tester().arg("--version").assert().success().stdout(is_match(r"^tester \d+\.\d+\.\d+\n$").unwrap());
}

#[rstest]
#[case::no_role(&[], "--client|--server")]
#[case::both_roles(&["--client", "--server"], "cannot be used with")]
#[case::target_of_a_server(&["--server", "--target=localhost"], "--target")]
#[case::target_without_a_role(&["--target=localhost"], "--client|--server")]
#[case::empty_target(&["--client", "--target="], "--target")]
#[case::unknown_option(&["--client", "--verbose"], "--verbose")]
#[case::stray_word(&["--client", "localhost"], "localhost")]
#[case::port_without_a_value(&["--server", "--port"], "--port")]
#[case::port_too_high(&["--server", "--port=65536"], "65536")]
#[case::any_port_for_a_client(&["--client", "--port=0"], "--port 0")]
#[case::bind_to_a_name(&["--server", "--bind=localhost"], "--bind")]
#[case::length_of_nothing(&["--client", "--length=0"], "not a number of bytes from 1 to 1048576")]
#[case::length_beyond_memory(&["--client", "--length=99999999999999999999"], "not a number of bytes")]
#[case::length_with_too_much(&["--client", "--length=2M"], "not a number of bytes")]
#[case::length_beyond_a_datagram(
    &["--client", "--test=UDP_STREAM", "--length=65508"],
    "--length 65508 is more than a datagram holds (65507 bytes)"
)]
#[case::length_of_a_round_trip(&["--client", "--test=UDP_RR", "--length=2"], "UDP_RR sends one byte at a time")]
#[case::rate_of_a_round_trip(&["--client", "--test=TCP_RR", "--rate=1M"], "TCP_RR sends one byte at a time")]
#[case::rate_without_a_unit(&["--client", "--rate=100"], "a number with k, M or G")]
#[case::rate_without_a_number(&["--client", "--rate=fast"], "a number with k, M or G")]
#[case::rate_of_nothing(&["--client", "--rate=0M"], "not a rate")]
#[case::rate_beyond_all(&["--client", "--rate=1e300G"], "not a rate")]
#[case::interval_in_the_past(&["--client", "--interval=-1"], "--interval")]
fn a_wrong_command_line_is_refused(#[case] args: &[&str], #[case] message: &str) {
    tester().args(args).assert().code(2).stdout("").stderr(contains(message));
}

#[rstest]
fn an_unknown_test_is_refused(
    #[values("--client", "--server")] role: &str,
    #[values("", "tcp_stream", "TCP", "TCP_STREAM ", "1")] test: &str,
) {
    let names = contains("TCP_STREAM, TCP_RR, UDP_STREAM, UDP_RR");
    tester().args([role, "--test", test]).assert().code(2).stderr(contains("--test").and(names));
}

#[rstest]
fn a_time_that_is_no_whole_number_of_seconds_is_refused(
    #[values("--client", "--server")] role: &str,
    #[values("", "abc", "1.5", "1s", "-1", "99999999999999999999")] time: &str,
) {
    let message = contains("not a whole number of seconds from 0 to 4294967295");
    tester().args([role, &format!("--time={time}")]).assert().code(2).stderr(message);
}

#[rstest]
#[case("0", "more than 0 is needed")]
#[case("-1", "negative")]
#[case("nan", "")]
#[case("inf", "")]
#[case("1e300", "")]
#[case("soon", "not a number of seconds")]
fn a_control_timeout_that_is_none_is_refused(#[case] seconds: &str, #[case] message: &str) {
    let option = format!("--control-timeout={seconds}");
    tester()
        .args(["--server", &option])
        .assert()
        .code(2)
        .stderr(contains("--control-timeout").and(contains(message)));
}

#[test]
fn a_refusal_reads_well() {
    let refusal = tester().args(["--client", "--test=TCP_STEAM"]).assert().code(2);
    insta::assert_snapshot!(String::from_utf8_lossy(&refusal.get_output().stderr), @r"
    error: invalid value 'TCP_STEAM' for '--test <TEST>'
      [possible values: TCP_STREAM, TCP_RR, UDP_STREAM, UDP_RR]

      tip: a similar value exists: 'TCP_STREAM'

    For more information, try '--help'.
    ");
}

#[test]
fn help_survives_a_reader_that_is_gone() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_tester"))
        .arg("--help")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = is_match(format!(r"^tester: cannot listen on 127\.0\.0\.1:{port}: [^\n]+\n$")).unwrap();
    tester().args(["--server", "--bind=127.0.0.1", "--port", &port]).assert().code(1).stderr(message);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let message =
        format!(r"^tester: cannot connect to 127\.0\.0\.1 port {port}: 127\.0\.0\.1:{port}: [^\n]+\n$");
    tester()
        .args(["--client", "--target=127.0.0.1", "--port", &port])
        .assert()
        .code(1)
        .stdout("")
        .stderr(is_match(message).unwrap());
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    tester()
        .args(["--client", "--target=no-such-host.invalid"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(is_match("^tester: cannot resolve \"no-such-host.invalid\": [^\n]+\n$").unwrap());
}
