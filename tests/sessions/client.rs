//! The client against a scripted server: what it sends and when, what it prints, and how it fails.

use std::time::{Duration, Instant};

use crate::support::{Peer, Tester, listener};
use rstest::rstest;

const REPLY: [u8; 4] = [1, 2, 0x9C, 0x40];
const RESULTS: [u8; 10] = [1, 4, 0, 0, 0, 1, 0, 0, 0, 2];

/// A client without data, up to its Request.
fn idle_client(args: &[&str]) -> (Tester, Peer) {
    client(&[args, &["--no-data"]].concat())
}

/// A client with a second's test, up to its Request.
fn client(args: &[&str]) -> (Tester, Peer) {
    let (listener, port) = listener();
    let client = Tester::client(port, args);
    let (stream, _) = listener.accept().unwrap();
    (client, Peer::new(stream))
}

#[rstest]
#[case::default(&[], 1)]
#[case::tcp_stream(&["--test=TCP_STREAM"], 1)]
#[case::tcp_rr(&["--test", "TCP_RR"], 2)]
#[case::udp_stream(&["--test=UDP_STREAM"], 3)]
#[case::udp_rr(&["--test=UDP_RR"], 4)]
fn a_whole_session_without_data(#[case] args: &[&str], #[case] kind: u8) {
    let (mut client, mut peer) = idle_client(&[args, &["--time=1"]].concat());
    assert_eq!(peer.receive(), [1, 1, kind]);
    let started = Instant::now();
    peer.send(&REPLY);
    client.line("Data thread opening");
    assert_eq!(peer.receive(), [1, 3]);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(6), "Done after {waited:?}");
    client.line("Data thread closing");
    peer.send(&RESULTS);
    client.line("4294967298");
    drop(peer);
    let (status, _) = client.end();
    assert_eq!(status.code(), Some(0));
    assert_eq!(client.err(), [""; 0]);
}

#[test]
fn replies_and_results_may_be_cut() {
    let (mut client, mut peer) = client(&["--time=0", "--test=UDP_RR"]);
    for byte in REPLY {
        peer.send(&[byte]);
    }
    let _messages: [u8; 5] = peer.receive();
    for byte in RESULTS {
        peer.send(&[byte]);
    }
    peer.send(b"and more");
    drop(peer);
    assert_eq!(client.end().0.code(), Some(0));
    insta::with_settings!({ filters => [(r"127\.0\.0\.1:\d+", "[server]")] }, {
        insta::assert_snapshot!(client.out().join("\n"), @"
        Data thread opening
        Data thread closing
        UDP_RR with [server] for 0 s, test port 40000/UDP
        Nothing was measured: a test of 0 s is over before it begins
        UDP packets received by the server: 4294967298
        ");
    });
}

#[rstest]
#[case::reply_version(&[2, 2, 0, 80], "byte 0 of Reply (version) is 0x02, allowed: 0x01")]
#[case::reply_kind(&[1, 4], "Results came where Reply was due")]
#[case::reply_port(&[1, 2, 0, 0], "bytes 2 to 3 of Reply (test_port) are 0x0000")]
#[case::early_results(&[1, 2, 0, 80, 1, 4], "the server sent 2 bytes before Done")]
#[case::closed(&[], "the server closed the connection before Reply")]
#[case::cut(&[1, 2, 0], "the server closed the connection within Reply, after 3 of its bytes")]
#[case::closed_in_the_test(&REPLY, "the server closed the connection during the test")]
fn a_test_fails_before_done(#[case] bytes: &[u8], #[case] words: &str) {
    let (mut client, mut peer) = idle_client(&["--time=3600"]);
    let _request: [u8; 3] = peer.receive();
    peer.send(bytes);
    peer.0.shutdown(std::net::Shutdown::Write).unwrap();
    let (status, _) = client.end();
    assert_eq!(status.code(), Some(1));
    let [line] = client.err()[..] else { panic!("{:?}", client.err()) };
    assert!(line.starts_with("tester: test failed: ") && line.contains(words), "{line}");
}

#[rstest]
#[case::version(&[0], "byte 0 of Results (version) is 0x00, allowed: 0x01")]
#[case::kind(&[1, 2], "Reply came where Results was due")]
#[case::closed(&[], "the server closed the connection before Results")]
#[case::cut(&RESULTS[..9], "the server closed the connection within Results, after 9 of its bytes")]
fn a_test_fails_after_done(#[case] bytes: &[u8], #[case] words: &str) {
    let (mut client, mut peer) = idle_client(&["--time=0"]);
    peer.send(&REPLY);
    let _messages: [u8; 5] = peer.receive();
    peer.send(bytes);
    peer.0.shutdown(std::net::Shutdown::Write).unwrap();
    let (status, _) = client.end();
    assert_eq!(status.code(), Some(1));
    let [line] = client.err()[..] else { panic!("{:?}", client.err()) };
    assert!(line.starts_with("tester: test failed: ") && line.contains(words), "{line}");
}

#[rstest]
#[case::before_reply(&[])]
#[case::in_the_test(&REPLY)]
fn a_reset_fails_the_test_at_once(#[case] bytes: &[u8]) {
    let (mut client, mut peer) = idle_client(&["--time=3600"]);
    let _request: [u8; 3] = peer.receive();
    peer.send(bytes);
    if !bytes.is_empty() {
        client.line("Data thread opening");
    }
    peer.reset();
    let (status, _) = client.end();
    assert_eq!(status.code(), Some(1));
    let [line] = client.err()[..] else { panic!("{:?}", client.err()) };
    assert!(line.contains("the server broke the connection (connection reset)"), "{line}");
    let data = if bytes.is_empty() { vec![] } else { vec!["Data thread opening", "Data thread closing"] };
    assert_eq!(client.out(), data);
}

#[test]
fn a_server_that_does_not_close_costs_a_bounded_wait() {
    let (mut client, mut peer) = idle_client(&["--time=0"]);
    peer.send(&REPLY);
    let _messages: [u8; 5] = peer.receive();
    peer.send(&RESULTS);
    client.line("did not close the control connection within 5 s after Results");
    assert_eq!(client.end().0.code(), Some(0));
}

#[test]
fn every_address_of_the_target_is_tried() {
    // A listener of one family only: localhost may name the other one first.
    let (listener, port) = listener();
    let port = port.to_string();
    let _client = Tester::start(&["--client", "--target=localhost", "--time=0", "--port", &port]);
    let (stream, _) = listener.accept().unwrap();
    assert_eq!(Peer::new(stream).receive(), [1, 1, 1]);
}

/// A report that nobody gets is no success, whatever the test was.
#[rstest]
#[case::text(&[])]
#[case::json(&["--json"])]
fn a_report_that_cannot_be_written_fails(#[case] more: &[&str]) {
    let (_server, port) = Tester::server(&[]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut client = std::process::Command::new(env!("CARGO_BIN_EXE_tester"));
    client.args(["--client", "--target=127.0.0.1", "--time=1", "--no-data", "--port", &port.to_string()]);
    let output = client.args(more).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("tester: ")).collect();
    assert_eq!(errors, ["tester: cannot write the report: No space left on device (os error 28)"]);
    assert_eq!(output.status.code(), Some(1));
}
