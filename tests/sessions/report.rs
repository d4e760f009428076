//! spec/tester-report.schema.json against what a client really prints with `--json`, and against what it must not.

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Peer, Tester, listener};

const SCHEMA: &str = include_str!("../../spec/tester-report.schema.json");

fn faults(report: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The report of a client that has ended, which must be valid.
fn report(client: &mut Tester) -> Value {
    client.end();
    let text = client.out().join("\n");
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let faults = faults(&report);
    assert!(faults.is_empty(), "{}\n{report:#}", faults.join("\n"));
    report
}

fn measured(test: &str, server: &[&str], client: &[&str]) -> Value {
    let (_server, port) = Tester::server(&[&["--bind=127.0.0.1"], server].concat());
    let test = format!("--test={test}");
    report(&mut Tester::client(port, &[&[&test, "--time=1", "--json"], client].concat()))
}

#[test]
fn the_schema_is_a_schema_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::draft202012::meta::validate(&schema).map_err(|error| error.to_string()).unwrap();
}

#[rstest]
fn every_test_is_valid(
    #[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str,
    #[values(&[][..], &["--interval=0.2"], &["--no-data"])] client: &[&str],
) {
    let report = measured(test, &[], client);
    assert_eq!((&report["complete"], &report["failure"]), (&json!(true), &json!(null)), "{report:#}");
    assert_eq!(report["measured"].is_null(), client.contains(&"--no-data"), "{report:#}");
}

#[rstest]
#[case::busy("UDP_RR", &["--busy-poll"])]
#[case::paced("UDP_STREAM", &["--rate=10M", "--length=100"])]
#[case::copied("TCP_STREAM", &["--copy"])]
#[case::one_by_one("UDP_STREAM", &["--no-offload"])]
#[case::no_time("TCP_RR", &["--time=0"])]
fn every_way_is_valid(#[case] test: &str, #[case] client: &[&str]) {
    measured(test, &[], client);
}

/// A server that takes the data connection and never looks at it.
#[rstest]
fn a_server_without_data_is_valid(#[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str) {
    measured(test, &["--no-data"], &[]);
}

/// A server of Part 1 announces a port where nothing is open.
#[rstest]
fn a_closed_test_port_is_valid(#[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str) {
    let (control, port) = listener();
    let server = thread::spawn(move || {
        let mut peer = Peer::new(control.accept().unwrap().0);
        let _request: [u8; 3] = peer.receive();
        let (closed, port) = listener();
        drop(closed);
        let [high, low] = port.to_be_bytes();
        peer.send(&[1, 2, high, low]);
        assert_eq!(peer.receive(), [1, 3]);
        peer.send(&[1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
    let test = format!("--test={test}");
    let report = report(&mut Tester::client(port, &[&test, "--time=1", "--json"]));
    server.join().unwrap();
    assert_eq!(report["measured"], json!(null), "{report:#}");
    assert!(report["nothing_measured"].is_string(), "{report:#}");
}

/// A server that is gone after its Reply: at once, or when the test is over.
#[rstest]
#[case::at_once(0)]
#[case::after_done(2)]
fn a_server_that_vanishes_is_valid(
    #[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str,
    #[case] done_bytes: usize,
) {
    let (control, port) = listener();
    let server = vanishing(control, done_bytes);
    let test = format!("--test={test}");
    let mut client = Tester::client(port, &[&test, "--time=1", "--json"]);
    let report = report(&mut client);
    server.join().unwrap();
    assert_eq!(report["complete"], json!(false), "{report:#}");
    assert_eq!(report["results_udp_packets_received"], json!(null), "{report:#}");
}

/// Answers a Request with a port that takes data, and leaves with a reset after so many bytes of Done.
fn vanishing(control: TcpListener, done_bytes: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let (data, data_port) = listener();
        let mut peer = Peer::new(control.accept().unwrap().0);
        let _request: [u8; 3] = peer.receive();
        let [high, low] = data_port.to_be_bytes();
        peer.send(&[1, 2, high, low]);
        if done_bytes == 2 {
            assert_eq!(peer.receive(), [1, 3]);
        }
        peer.reset();
        drop(data);
    })
}

/// What the schema is for: a reader may rely on it.
#[rstest]
#[case::figures_that_do_not_go_with_the_test("/measured/round_trips_per_s", json!(7.0))]
#[case::a_zero_for_what_was_not_measured("/measured/loss_percent", json!(0))]
#[case::text_for_a_number("/measured/time_s", json!("1 s"))]
#[case::a_failure_of_what_is_complete("/failure", json!("the server left"))]
#[case::no_reason_for_a_failure("/complete", json!(false))]
#[case::another_test("/test", json!("SCTP_STREAM"))]
#[case::a_loss_below_zero("/measured/sent_bytes", json!(-1))]
#[case::port_zero("/test_port", json!(0))]
#[case::an_address_without_a_port("/server", json!("127.0.0.1"))]
fn what_is_wrong_is_not_valid(#[case] place: &str, #[case] instead: Value) {
    let mut report = sample();
    assert_eq!(faults(&report), [""; 0]);
    *report.pointer_mut(place).unwrap() = instead;
    assert_ne!(faults(&report), [""; 0], "{place} was not looked at");
}

/// Every name has to be there, and no other.
#[test]
fn a_name_too_few_or_too_many_is_not_valid() {
    let report = sample();
    for place in ["", "/tool", "/measured", "/measured/path", "/measured/intervals/0"] {
        let object = report.pointer(place).unwrap().as_object().unwrap();
        for name in object.keys() {
            let mut lacking = report.clone();
            lacking.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
            assert_ne!(faults(&lacking), [""; 0], "{place}/{name} may be missing");
        }
        let mut surplus = report.clone();
        surplus.pointer_mut(place).unwrap()["surplus"] = json!(1);
        assert_ne!(faults(&surplus), [""; 0], "{place} may hold anything");
    }
}

fn sample() -> Value {
    json!({
        "schema": 1,
        "tool": {"name": "tester", "version": "0.1.0"},
        "test": "TCP_STREAM",
        "server": "127.0.0.1:5678",
        "test_port": 40123,
        "requested_s": 1,
        "complete": true,
        "failure": null,
        "nothing_measured": null,
        "results_udp_packets_received": 0,
        "measured": {
            "time_s": 1.0,
            "throughput_mbit_per_s": 941.2,
            "throughput_of": "arrived",
            "round_trips_per_s": null,
            "loss_percent": null,
            "sent_bytes": 117_650_000,
            "acknowledged_bytes": 117_650_000,
            "sent_datagrams": null,
            "round_trips": null,
            "round_trips_given_up": null,
            "late_replies": null,
            "busy_polled_share": null,
            "latency": null,
            "method": "sendfile",
            "path": {
                "local": "127.0.0.1:50000",
                "remote": "[2001:db8::1]:40123",
                "send_buffer_bytes": 2_626_560,
                "receive_buffer_bytes": 131_072,
                "congestion_control": "cubic",
                "mss_bytes": 1448,
                "retransmitted_segments": 0
            },
            "interval_mean": null,
            "interval_standard_deviation": null,
            "intervals": [
                {"start_s": 0.0, "end_s": 1.0, "bytes": 117_650_000, "datagrams": null, "round_trips": null}
            ]
        }
    })
}
