//! The namespace's own network, and what the kernel reports about it.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Instant;

use conformance::model::place::{ADDRESS, ADDRESS_V6, HOST_NAME};
use conformance::stage::netstat;
use conformance::stage::netstat::{TcpEnd, UdpPort};

use crate::running::{Place, SOON};

const PORT: u16 = 5678;

pub(crate) fn the_network_is_its_own(place: &Place) {
    let report = place.enter();
    assert_eq!(netstat::listening_tcp_ports().unwrap(), Vec::<u16>::new());
    assert!(!netstat::is_listening(PORT).unwrap());
    let _v4 = TcpListener::bind(("0.0.0.0", PORT)).unwrap();
    assert!(netstat::is_listening(PORT).unwrap());
    TcpStream::connect(("127.0.0.1", PORT)).unwrap();
    TcpStream::connect((ADDRESS, PORT)).unwrap();
    TcpStream::connect("127.0.0.2:5678").unwrap();
    if report.ipv6 {
        let _v6 = TcpListener::bind(("::", PORT + 1)).unwrap();
        assert_eq!(netstat::listening_tcp_ports().unwrap(), [PORT, PORT + 1]);
        TcpStream::connect(("::1", PORT + 1)).unwrap();
        TcpStream::connect((ADDRESS_V6, PORT + 1)).unwrap();
    }
    if report.host_name {
        let found: Vec<SocketAddr> = (HOST_NAME, PORT).to_socket_addrs().unwrap().collect();
        assert_eq!(found, [SocketAddr::from((ADDRESS, PORT))]);
    }
    // Nowhere else.
    assert!(TcpStream::connect("198.51.100.1:9").is_err());
}

pub(crate) fn the_peers_end_of_a_connection_is_seen(place: &Place) {
    place.enter();
    let mut running = place.start("listen", &[]);
    running.until("listening");
    let mut stream = TcpStream::connect((ADDRESS, PORT)).unwrap();
    let (ours, theirs) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    running.until("accepted");
    stream.write_all(&[1, 1, 1]).unwrap();
    let expected = TcpEnd { unread_bytes: 3, unsent_bytes: 0, accepted: true, open: true };
    running.wait("had the bytes", |_| {
        let end = netstat::tcp_peer(ours, theirs).unwrap();
        (end == Some(expected)).then_some(())
    });
    assert_eq!(netstat::tcp_peer_unread(ours, theirs).unwrap(), Some(3));

    // The target is stopped, so the next connection waits in the backlog.
    running.target.signal(nix::sys::signal::Signal::SIGSTOP).unwrap();
    running.wait("stopped", |running| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.target.pid())).ok()?;
        stat.rsplit_once(") ")?.1.starts_with('T').then_some(())
    });
    let waiting = TcpStream::connect((ADDRESS, PORT)).unwrap();
    let end = netstat::tcp_peer(waiting.local_addr().unwrap(), theirs).unwrap().unwrap();
    assert!(!end.accepted, "{end:?}");

    running.target.end();
    assert_eq!(netstat::tcp_peer(ours, theirs).unwrap().map(|end| end.open), None);
}

pub(crate) fn datagrams_are_accounted_for(place: &Place) {
    place.enter();
    let before = netstat::udp_counters().unwrap();
    let receiver = UdpSocket::bind((ADDRESS, 0)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    assert!(netstat::udp_port_open(port).unwrap());
    let sender = UdpSocket::bind((ADDRESS, 0)).unwrap();
    let to = (ADDRESS, port);

    sender.send_to(b"read", to).unwrap();
    receiver.recv(&mut [0; 8]).unwrap();
    assert_eq!(netstat::udp_port(port).unwrap(), UdpPort { sockets: 1, drops: 0, unread_memory_bytes: 0 });

    sender.send_to(b"unread", to).unwrap();
    assert!(netstat::udp_port(port).unwrap().unread_memory_bytes >= 6);

    // More than any receive buffer holds.
    let deadline = Instant::now() + SOON;
    let mut sent = 2;
    while netstat::udp_port(port).unwrap().drops < 3 {
        sender.send_to(&[0; 60_000], to).unwrap();
        sent += 1;
        assert!(Instant::now() < deadline, "nothing was dropped");
    }
    drop(receiver);
    assert!(!netstat::udp_port_open(port).unwrap());
    // The socket reports the error, but not always at this call.
    let _ = sender.send_to(b"nobody", to);
    let told = netstat::udp_counters().unwrap() - before;
    assert_eq!((told.out_datagrams, told.no_ports, told.receive_buffer_errors), (sent + 1, 1, 3));
}
