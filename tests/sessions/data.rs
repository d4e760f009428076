//! The data connection: what is counted is what went through, and what happens when nothing does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Peer, SOON, Tester, listener, session};
use rstest::rstest;
use serde_json::Value;

/// A client may end this much after its time, the Results included (issue: at most 0.05 s on an idle machine); the rest
/// is for one whose processors are busy.
const LATE: Duration = Duration::from_millis(1500);

const RESULTS_OF_NOTHING: [u8; 10] = [1, 4, 0, 0, 0, 0, 0, 0, 0, 0];

/// Runs a client against our server; returns its report.
fn measure(server: &[&str], client: &[&str]) -> Value {
    let (mut server, port) = Tester::server(&[&["--bind=127.0.0.1"], server].concat());
    let mut client = Tester::client(port, &[&["--time=1", "--json"], client].concat());
    let (status, _) = client.end();
    assert_eq!(status.code(), Some(0), "{:?}", client.seen);
    server.line("Data thread closing");
    assert_eq!(client.err(), ["Data thread opening", "Data thread closing"]);
    serde_json::from_str(&client.out().join("\n")).unwrap()
}

fn number(report: &Value, name: &str) -> f64 {
    report["measured"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[rstest]
#[case::fast(&[], &[])]
#[case::copied(&["--copy"], &["--copy"])]
#[case::paced(&[], &["--rate=200M"])]
#[case::long_messages(&[], &["--length=1M"])]
#[case::odd_messages(&[], &["--length=1001"])]
fn tcp_streams_flow(#[case] server: &[&str], #[case] client: &[&str]) {
    let report = measure(server, client);
    let (sent, arrived) = (number(&report, "sent_bytes"), number(&report, "acknowledged_bytes"));
    assert!(sent >= arrived && arrived > 0.0, "{report:#}");
    let rate = number(&report, "throughput_mbit_per_s");
    assert!((rate - arrived * 8e-6 / number(&report, "time_s")).abs() < 0.01, "{report:#}");
    if client.contains(&"--rate=200M") {
        assert!(rate < 201.0, "{report:#}");
    }
}

#[rstest]
#[case::fast(&[], &[], "udp_segment")]
#[case::copied(&["--copy"], &["--copy"], "udp_segment")]
#[case::one_by_one(&["--no-offload"], &["--no-offload"], "sendmmsg")]
#[case::joined_alone(&[], &["--no-offload"], "sendmmsg")]
#[case::cut_alone(&["--no-offload"], &[], "udp_segment")]
#[case::short(&[], &["--length=1"], "udp_segment")]
#[case::long(&[], &["--length=60000"], "sendmmsg")]
fn udp_streams_are_counted_to_the_datagram(
    #[case] server: &[&str],
    #[case] client: &[&str],
    #[case] method: &str,
) {
    // Slow enough that nothing is dropped, so that equality is due.
    let report = measure(server, &[&["--test=UDP_STREAM", "--rate=20M"], client].concat());
    let sent = number(&report, "sent_datagrams");
    assert!(sent > 10.0, "{report:#}");
    assert_eq!(report["results_udp_packets_received"].as_f64(), Some(sent), "{report:#}");
    assert_eq!(number(&report, "loss_percent"), 0.0);
    if cfg!(target_os = "linux") {
        assert_eq!(report["measured"]["method"], method);
    }
}

#[rstest]
fn round_trips_go_round(
    #[values("TCP_RR", "UDP_RR")] test: &str,
    #[values(&[][..], &["--busy-poll"])] options: &[&str],
) {
    let report = measure(options, &[&["--test", test], options].concat());
    let trips = number(&report, "round_trips");
    assert!(trips > 100.0, "{report:#}");
    let rate = number(&report, "round_trips_per_s");
    assert!((rate - trips / number(&report, "time_s")).abs() < 1.0, "{report:#}");
    let latency = &report["measured"]["latency"];
    let order = ["min_us", "p50_us", "p90_us", "p99_us", "p99_9_us", "max_us"];
    let values = order.map(|name| latency[name].as_f64().unwrap());
    assert!(values.is_sorted(), "{latency:#}");
}

/// A scripted server's data connection: counts a stream to its end.
fn count_stream(listener: &TcpListener) -> thread::JoinHandle<u64> {
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    })
}

/// A client up to Request, and a data port of this test's own, announced.
fn begin(args: &[&str], data: u16) -> (Tester, Peer) {
    let (listener, port) = listener();
    let client = Tester::client(port, args);
    let mut peer = Peer::new(listener.accept().unwrap().0);
    let _request: [u8; 3] = peer.receive();
    let [high, low] = data.to_be_bytes();
    peer.send(&[1, 2, high, low]);
    (client, peer)
}

fn finish(mut client: Tester, mut peer: Peer, results: &[u8; 10]) -> (Tester, Option<i32>) {
    assert_eq!(peer.receive(), [1, 3]);
    peer.send(results);
    drop(peer);
    let status = client.end().0.code();
    (client, status)
}

#[rstest]
fn a_tcp_stream_ends_in_equality(#[values(&[][..], &["--copy"], &["--rate=50M"])] options: &[&str]) {
    let (data, port) = listener();
    let counted = count_stream(&data);
    let (client, peer) = begin(&[&["--time=1", "--json"], options].concat(), port);
    let (client, status) = finish(client, peer, &RESULTS_OF_NOTHING);
    assert_eq!(status, Some(0), "{:?}", client.seen);
    let report: Value = serde_json::from_str(&client.out().join("\n")).unwrap();
    assert_eq!(report["measured"]["sent_bytes"].as_u64(), Some(counted.join().unwrap()));
}

#[rstest]
#[case::tcp_stream("TCP_STREAM")]
#[case::tcp_rr("TCP_RR")]
#[case::udp_stream("UDP_STREAM")]
#[case::udp_rr("UDP_RR")]
fn a_server_that_never_reads_holds_nobody_up(#[case] test: &str) {
    let (tcp, port) = listener();
    let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (client, mut peer) = begin(&["--time=1", "--test", test], port);
    let started = Instant::now();
    assert_eq!(peer.receive(), [1, 3]);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(950) && took < Duration::from_secs(1) + LATE, "{took:?}");
    peer.send(&RESULTS_OF_NOTHING);
    drop(peer);
    let mut client = client;
    assert_eq!(client.end().0.code(), Some(0), "{:?}", client.seen);
    drop(tcp);
}

#[rstest]
fn a_server_of_part_1_ends_in_a_stated_result(
    #[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str,
) {
    let (closed, port) = listener();
    drop(closed);
    let started = Instant::now();
    let (client, peer) = begin(&["--time=1", "--test", test], port);
    let (client, status) = finish(client, peer, &RESULTS_OF_NOTHING);
    assert!(started.elapsed() >= Duration::from_secs(1), "Done came before its time");
    assert_eq!(status, Some(0), "{:?}", client.seen);
    let said = client.err().iter().any(|line| line.contains("the server's test port is closed"));
    assert!(said, "{:?}", client.seen);
    let out = client.out().join("\n");
    assert!(out.contains("Nothing was measured: the server's test port is closed"), "{out}");
    assert!(!out.contains("Throughput") && !out.contains("Round trips"), "{out}");
}

#[rstest]
#[case::stream("TCP_STREAM")]
#[case::round_trips("TCP_RR")]
fn a_data_connection_that_breaks_is_a_failure_with_what_there_was(#[case] test: &str) {
    let (data, port) = listener();
    let (client, peer) = begin(&["--time=1", "--test", test], port);
    let (mut stream, _) = data.accept().unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    if test == "TCP_RR" {
        stream.write_all(&byte).unwrap();
        stream.read_exact(&mut byte).unwrap();
    }
    drop((stream, data));
    let (client, status) = finish(client, peer, &RESULTS_OF_NOTHING);
    assert_eq!(status, Some(1), "{:?}", client.seen);
    let out = client.out().join("\n");
    assert!(out.contains("The test did not reach its end"), "{out}");
    assert!(client.err().iter().any(|line| line.contains("data connection")), "{:?}", client.seen);
}

#[test]
fn a_server_that_vanishes_leaves_the_results_so_far() {
    let (data, port) = listener();
    let counted = count_stream(&data);
    let (mut client, peer) = begin(&["--time=3600"], port);
    client.line("Mbit/s");
    peer.reset();
    assert_eq!(client.end().0.code(), Some(1));
    let out = client.out().join("\n");
    assert!(out.contains("The test did not reach its end") && out.contains("Throughput: "), "{out}");
    assert!(counted.join().unwrap() > 0);
}

/// Three of four datagrams are answered and counted: the client tells of a quarter lost, and goes on after each loss,
/// whatever byte the server answers with.
#[rstest]
#[case::echo(None)]
#[case::own_byte(Some(7))]
fn lost_round_trips_are_survived(#[case] own: Option<u8>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut seen, mut answered, mut byte) = (0_u64, 0_u64, [0; 2]);
        while let Ok((count, from)) = socket.recv_from(&mut byte) {
            assert_eq!(count, 1);
            seen += 1;
            if seen % 4 != 0 {
                answered += 1;
                socket.send_to(&[own.unwrap_or(byte[0])], from).unwrap();
            }
        }
        (seen, answered)
    });
    let (client, mut peer) = begin(&["--time=2", "--test=UDP_RR", "--json"], port);
    assert_eq!(peer.receive(), [1, 3]);
    let (seen, answered) = server.join().unwrap();
    peer.send(&[&[1, 4][..], &answered.to_be_bytes()].concat());
    drop(peer);
    let mut client = client;
    assert_eq!(client.end().0.code(), Some(0), "{:?}", client.seen);
    let report: Value = serde_json::from_str(&client.out().join("\n")).unwrap();
    assert_eq!(number(&report, "sent_datagrams") as u64, seen);
    assert_eq!(number(&report, "round_trips") as u64, answered, "{report:#}");
    assert!((number(&report, "loss_percent") - 25.0).abs() < 5.0, "{report:#}");
}

/// Opens a test by hand; returns the control connection and the address of the test port.
fn open(port: u16, test: u8) -> (Peer, SocketAddr) {
    let mut peer = Peer::connect(port);
    peer.send(&[1, 1, test]);
    let [_, _, high, low] = peer.receive();
    (peer, SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from_be_bytes([high, low]))))
}

fn results(mut peer: Peer) -> u64 {
    peer.send(&[1, 3]);
    let rest: [u8; 10] = peer.rest().try_into().unwrap();
    u64::from_be_bytes(rest[2..].try_into().unwrap())
}

#[rstest]
fn datagrams_sent_just_before_done_are_counted(#[values(3, 4)] test: u8) {
    let (_server, port) = Tester::server(&["--bind=127.0.0.1"]);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for count in [1, 300, 0] {
        let (peer, data) = open(port, test);
        for _ in 0..count {
            socket.send_to(&[1], data).unwrap();
        }
        assert_eq!(results(peer), count);
    }
}

#[test]
fn every_datagram_is_answered_with_one_byte() {
    let (_server, port) = Tester::server(&["--bind=127.0.0.1"]);
    let (peer, data) = open(port, 4);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    for request in [&b"a"[..], b"bcd", b""] {
        socket.send_to(request, data).unwrap();
        let mut reply = [0; 8];
        let (count, from) = socket.recv_from(&mut reply).unwrap();
        assert_eq!((count, from), (1, data));
        assert_eq!(reply[0], request.first().copied().unwrap_or(0));
    }
    assert_eq!(results(peer), 3);
}

#[test]
fn a_byte_is_answered_for_each_byte() {
    let (_server, port) = Tester::server(&["--bind=127.0.0.1"]);
    let (peer, data) = open(port, 2);
    let mut stream = TcpStream::connect(data).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    for request in [&b"a"[..], b"bcd"] {
        stream.write_all(request).unwrap();
        let mut reply = vec![0; request.len()];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply, request);
    }
    assert_eq!(results(peer), 0);
}

#[cfg(target_os = "linux")]
#[rstest]
fn strangers_count_for_nothing(#[values(3, 4)] test: u8) {
    let (mut server, port) = Tester::server(&[]);
    let (peer, data) = open(port, test);
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stranger = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    for _ in 0..5 {
        stranger.send_to(&[9], data).unwrap();
        client.send_to(&[1], data).unwrap();
    }
    assert_eq!(results(peer), 5);
    server.line("passed over 5 datagrams or connections that were not from 127.0.0.1");
    stranger.set_nonblocking(true).unwrap();
    assert_eq!(stranger.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[rstest]
fn flowing_data_keeps_a_test_alive(#[values(1, 2, 3, 4)] test: u8) {
    let (_server, port) = Tester::server(&["--control-timeout=1"]);
    let (peer, data) = open(port, test);
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut tcp = (test < 3).then(|| TcpStream::connect(data).unwrap());
    // Twice the timeout, in steps far below it.
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(200));
        match &mut tcp {
            Some(tcp) => tcp.write_all(&[1]).unwrap(),
            None => drop(udp.send_to(&[1], data).unwrap()),
        }
    }
    assert_eq!(results(peer), if test < 3 { 0 } else { 10 });
}

#[cfg(target_os = "linux")]
#[test]
fn vanished_clients_leave_nothing_behind() {
    let (server, port) = Tester::server(&[]);
    session(port, 1);
    let before = server.holds();
    for round in 0..100_u8 {
        let test = round % 4 + 1;
        let (peer, data) = open(port, test);
        if test < 3 {
            let mut stream = TcpStream::connect(data).unwrap();
            stream.write_all(&[1; 100]).unwrap();
            if round % 8 < 4 {
                stream.shutdown(Shutdown::Both).unwrap();
            }
        } else {
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(&[1], data).unwrap();
        }
        if round % 3 == 0 { peer.reset() } else { drop(peer) }
    }
    session(port, 1);
    let deadline = Instant::now() + SOON;
    // Fewer, if the session before the count was not all cleared away.
    let is_back = |(descriptors, threads)| descriptors <= before.0 && threads <= before.1;
    while !is_back(server.holds()) {
        assert!(Instant::now() < deadline, "{:?} descriptors and threads, before {before:?}", server.holds());
        thread::sleep(Duration::from_millis(5));
    }
}
