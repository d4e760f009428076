//! Ctrl-C and the termination signal, from every state in which either side can be.

use std::time::Duration;

use crate::support::{Peer, SOON, Tester, listener, session};
use rstest::rstest;
use rustix::process::Signal;

/// An interrupt ends the program within 100 ms on an idle machine; the rest is for one whose cores are busy.
const AT_ONCE: Duration = Duration::from_millis(1000);

fn interrupt(tester: &mut Tester, signal: Signal, status: i32, farewell: &str) {
    tester.signal(signal);
    let (ended, took) = tester.end();
    assert_eq!(ended.code(), Some(status), "{:?}", tester.seen);
    assert_eq!(tester.out().last(), Some(&farewell));
    assert!(took <= AT_ONCE, "{took:?}");
    assert!(tester.err().iter().all(|line| line.contains("listening on")), "{:?}", tester.err());
}

#[rstest]
#[case::accepting(None)]
#[case::connected(Some(&[][..]))]
#[case::within_request(Some(&[1, 1][..]))]
#[case::in_a_test(Some(&[1, 1, 3][..]))]
#[case::lingering(Some(&[1, 1, 3, 1, 3][..]))]
fn a_server_is_interrupted(
    #[case] bytes: Option<&[u8]>,
    #[values(Signal::INT, Signal::TERM)] signal: Signal,
) {
    let (mut server, port) = Tester::server(&[]);
    let mut peer = bytes.map(|_| Peer::connect(port));
    if let (Some(peer), Some(bytes)) = (&mut peer, bytes) {
        peer.send(bytes);
        if bytes.len() >= 3 {
            let _reply: [u8; 4] = peer.receive();
            server.line("Data thread opening");
        }
    }
    interrupt(&mut server, signal, 0, "Exiting Server");
    let tested = bytes.is_some_and(|bytes| bytes.len() >= 3);
    assert_eq!(server.out().contains(&"Data thread closing"), tested);
}

#[rstest]
#[case::waiting_for_reply(false)]
#[case::in_its_test(true)]
fn a_client_is_interrupted(#[case] testing: bool, #[values(Signal::INT, Signal::TERM)] signal: Signal) {
    let (listener, port) = listener();
    let mut client = Tester::client(port, &["--time=3600", "--no-data"]);
    let (stream, _) = listener.accept().unwrap();
    let mut peer = Peer::new(stream);
    let _request: [u8; 3] = peer.receive();
    if testing {
        peer.send(&[1, 2, 0x9C, 0x40]);
        client.line("Data thread opening");
    }
    interrupt(&mut client, signal, 130, "Exiting Client");
    assert_eq!(client.out().contains(&"Data thread closing"), testing);
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_is_interrupted_while_it_connects() {
    // A full backlog: the system goes on trying for minutes.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut fill = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        fill.push(stream);
        assert!(fill.len() < 100, "the backlog does not fill up on this system");
    }
    let mut client = Tester::client(port, &[]);
    wait_for_syn(port);
    interrupt(&mut client, Signal::INT, 130, "Exiting Client");
}

#[cfg(target_os = "linux")]
/// Waits until somebody on this machine tries to connect to `port`, from the kernel's table: state 02 is SYN_SENT.
fn wait_for_syn(port: u16) {
    let deadline = std::time::Instant::now() + SOON;
    let attempt = format!(" 0100007F:{port:04X} 02 ");
    while !std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&attempt) {
        assert!(std::time::Instant::now() < deadline, "nobody connects to {port}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_is_back_at_once_on_the_same_port() {
    let (mut server, port) = Tester::server(&[]);
    session(port, 1);
    interrupt(&mut server, Signal::INT, 0, "Exiting Server");
    let mut again = Tester::start(&["--server", "--port", &port.to_string()]);
    // It says nothing when it listens; a connection that is refused is tried again.
    let deadline = std::time::Instant::now() + SOON;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline);
    }
    session(port, 1);
    // The connection that only looked may still be told of.
    again.signal(Signal::INT);
    assert_eq!(again.end().0.code(), Some(0));
}
