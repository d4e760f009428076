//! The server over real sockets: whole sessions, bad clients, silence, and what it leaves behind.

use std::io::Write;
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{Peer, SOON, Tester, session};
use rstest::rstest;

const OPENING: &str = "Data thread opening";
const CLOSING: &str = "Data thread closing";

/// Long enough for a loaded machine to send a byte in time, short enough to wait out.
const TIMEOUT: Duration = Duration::from_millis(700);
const WITH_TIMEOUT: &[&str] = &["--control-timeout=0.7"];

#[test]
fn sessions_of_all_tests_follow_each_other() {
    let (mut server, port) = Tester::server(&[]);
    for test in [1, 2, 3, 4, 4, 1] {
        assert_ne!(session(port, test), 0);
        server.line(OPENING);
        server.line(CLOSING);
    }
    server.signal(rustix::process::Signal::INT);
    server.end();
    assert_eq!(server.out(), [[OPENING, CLOSING].repeat(6), vec!["Exiting Server"]].concat());
    assert_eq!(server.err().len(), 1, "{:?}", server.err());
}

#[rstest]
#[case::tcp_stream(1)]
#[case::tcp_rr(2)]
#[case::udp_stream(3)]
#[case::udp_rr(4)]
fn the_announced_port_is_open_during_the_test_and_free_after_it(#[case] test: u8) {
    let (_server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    peer.send(&[1, 1, test]);
    let [_, _, high, low] = peer.receive();
    let data = SocketAddr::from(([127, 0, 0, 1], u16::from_be_bytes([high, low])));
    let bind = || match test {
        1 | 2 => TcpListener::bind(data).map(drop),
        _ => UdpSocket::bind(data).map(drop),
    };
    assert!(bind().is_err(), "the announced port is not open");
    if test < 3 {
        TcpStream::connect(data).unwrap();
    }
    peer.send(&[1, 3]);
    peer.rest();
    if test >= 3 {
        bind().unwrap();
    } else {
        // Nobody takes connections there any more. (The port itself may rest in TIME_WAIT.)
        TcpStream::connect(data).unwrap_err();
    }
}

#[test]
fn messages_may_be_cut_and_joined() {
    let (_server, port) = Tester::server(&[]);
    for segments in [&[&[1, 1, 3, 1, 3][..]][..], &[&[1], &[1], &[2], &[1], &[3]], &[&[1, 1], &[4, 1], &[3]]]
    {
        let mut peer = Peer::connect(port);
        for segment in segments {
            peer.send(segment);
        }
        let answer = peer.rest();
        assert_eq!((&answer[..2], &answer[4..]), (&[1, 2][..], &[1, 4, 0, 0, 0, 0, 0, 0, 0, 0][..]));
    }
}

#[test]
fn results_survive_what_follows_done() {
    let (_server, port) = Tester::server(&[]);
    for extra in [1, 100, 100_000] {
        let mut peer = Peer::connect(port);
        peer.send(&[1, 1, 1]);
        let _reply: [u8; 4] = peer.receive();
        let mut last = vec![1, 3];
        last.resize(2 + extra, 0xFF);
        // The server may close before it has taken all of it.
        let _cut = peer.0.write_all(&last);
        assert_eq!(peer.receive::<10>(), [1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    session(port, 1);
}

#[test]
fn a_client_that_stops_sending_after_done_gets_results() {
    let (_server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    peer.send(&[1, 1, 1, 1, 3]);
    peer.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.rest().len(), 4 + 10);
}

#[rstest]
#[case::version(&[2, 1, 1], "byte 0 of Request (version) is 0x02, allowed: 0x01")]
#[case::first_byte_alone(&[0], "byte 0 of Request (version) is 0x00, allowed: 0x01")]
#[case::done_first(&[1, 3, 1], "Done came where Request was due")]
#[case::test(&[1, 1, 5], "byte 2 of Request (test_type) is 0x05, allowed: 0x01..=0x04")]
#[case::http(
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "byte 0 of Request (version) is 0x47, allowed: 0x01"
)]
fn a_bad_first_message_gets_no_answer(#[case] bytes: &[u8], #[case] diagnosis: &str) {
    let (mut server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    peer.send(bytes);
    assert_eq!(peer.rest(), [0_u8; 0]);
    server.line(diagnosis);
    session(port, 1);
}

#[test]
fn a_flood_of_foreign_bytes_is_cut_off() {
    let (mut server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    // Cut off at some point in the middle.
    let _cut = peer.0.write_all(&vec![0xFF; 1 << 20]);
    assert_eq!(peer.rest(), [0_u8; 0]);
    server.line("(version) is 0xff");
    session(port, 1);
}

#[rstest]
#[case::version(&[0, 3])]
#[case::request_again(&[1, 1, 1])]
#[case::results(&[1, 4])]
fn a_bad_done_gets_no_results(#[case] bytes: &[u8]) {
    let (mut server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    peer.send(&[1, 1, 4]);
    let _reply: [u8; 4] = peer.receive();
    peer.send(bytes);
    assert_eq!(peer.rest(), [0_u8; 0]);
    server.line(CLOSING);
    server.line("refused");
    session(port, 1);
}

#[rstest]
#[case::nothing(&[], "before Request")]
#[case::one(&[1], "within Request, after 1 ")]
#[case::two(&[1, 1], "within Request, after 2 ")]
#[case::request(&[1, 1, 1], "before Done")]
#[case::within_done(&[1, 1, 1, 1], "within Done, after 1 ")]
fn an_end_of_file_at_any_byte_is_survived(#[case] bytes: &[u8], #[case] diagnosis: &str) {
    let (mut server, port) = Tester::server(&[]);
    let mut peer = Peer::connect(port);
    peer.send(bytes);
    peer.0.shutdown(Shutdown::Write).unwrap();
    let answer = peer.rest();
    assert_eq!(answer.len(), if bytes.len() < 3 { 0 } else { 4 });
    server.line(diagnosis);
    session(port, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn aborted_sessions_leave_nothing_behind() {
    let (server, port) = Tester::server(&[]);
    let before = server.holds();
    for round in 0..100 {
        let mut peer = Peer::connect(port);
        let kinds: [&[u8]; 6] = [&[], &[1], &[1, 1, 3], &[1, 1, 1, 1], &[1, 1, 2, 1, 3], &[7]];
        peer.send(kinds[round % kinds.len()]);
        if round % 2 == 0 { peer.reset() } else { drop(peer) }
    }
    session(port, 1);
    // The session's end comes before the server's own: wait until it is back where it was.
    let deadline = Instant::now() + SOON;
    while server.holds() != before {
        assert!(Instant::now() < deadline, "{:?} descriptors and threads, before {before:?}", server.holds());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[rstest]
#[case::connected(&[])]
#[case::within_request(&[1, 1])]
#[case::in_a_test(&[1, 1, 4])]
#[case::within_done(&[1, 1, 4, 1])]
fn silence_ends_a_session(#[case] bytes: &[u8]) {
    let (mut server, port) = Tester::server(WITH_TIMEOUT);
    let mut peer = Peer::connect(port);
    peer.send(bytes);
    let sent = Instant::now();
    assert_eq!(peer.rest().len(), if bytes.len() < 3 { 0 } else { 4 });
    assert!(sent.elapsed() >= TIMEOUT - Duration::from_millis(50), "closed after {:?}", sent.elapsed());
    server.line("nothing came for 0.7 s while");
    session(port, 1);
}

#[test]
fn each_byte_is_a_sign_of_life() {
    let (_server, port) = Tester::server(&["--control-timeout=2"]);
    let mut peer = Peer::connect(port);
    // Five gaps of 0.6 s: more than the timeout in all, each far below it.
    for byte in [1, 1, 4, 1, 3] {
        std::thread::sleep(Duration::from_millis(600));
        peer.send(&[byte]);
    }
    assert_eq!(peer.rest().len(), 4 + 10);
}

#[test]
fn the_next_client_waits_its_turn() {
    let (mut server, port) = Tester::server(&[]);
    let mut first = Peer::connect(port);
    first.send(&[1, 1, 1]);
    let _reply: [u8; 4] = first.receive();
    let mut waiting: Vec<Peer> = (0..5).map(|_| Peer::connect(port)).collect();
    for peer in &mut waiting {
        peer.send(&[1, 1, 1, 1, 3]);
    }
    // One of those in the queue gives up.
    waiting.remove(1).reset();
    server.line(OPENING);
    waiting[0].0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let kind = std::io::Read::read(&mut waiting[0].0, &mut [0]).unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::WouldBlock, "answered during another's test");
    waiting[0].0.set_read_timeout(Some(SOON)).unwrap();
    first.send(&[1, 3]);
    assert_eq!(first.rest().len(), 10);
    // Dropped in turn: a client that stayed would only hold the next one up for as long as the server lingers.
    for mut peer in waiting {
        assert_eq!(peer.rest().len(), 4 + 10);
    }
}

#[test]
fn both_families_are_served() {
    let (_server, port) = Tester::server(&[]);
    session(port, 1);
    let Ok(stream) = TcpStream::connect((Ipv6Addr::LOCALHOST, port)) else {
        // A machine without IPv6 has only the one.
        TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap_err();
        return;
    };
    let mut peer = Peer::new(stream);
    peer.send(&[1, 1, 3, 1, 3]);
    assert_eq!(peer.rest().len(), 4 + 10);
}

/// Enough descriptors for a connection and too few for its test.
#[test]
fn a_shortage_of_descriptors_costs_one_test() {
    let limited = format!("ulimit -n 9 && exec {} --server --port=0", env!("CARGO_BIN_EXE_tester"));
    let mut server = Tester::spawn(std::process::Command::new("sh").args(["-c", &limited]));
    let port = server.listening();
    for _ in 0..3 {
        let mut peer = Peer::connect(port);
        peer.send(&[1, 1, 1]);
        assert_eq!(peer.rest(), [0_u8; 0]);
        server.line("cannot ");
    }
}
