//! What the client tells its user when a test is over.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::protocol::message::TestType;

/// A test that went through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) test: TestType,
    /// The control connection's other end.
    pub(crate) server: SocketAddr,
    /// What `--time` asked for.
    pub(crate) time: Duration,
    /// The test port that the server announced.
    pub(crate) port: NonZeroU16,
    /// From Results.
    pub(crate) udp_packets_received: u64,
}

/// The report for a person: lines without the last line's end.
pub(crate) fn text(outcome: &Outcome) -> String {
    let Outcome { test, server, time, port, udp_packets_received } = outcome;
    let transport = if test.is_udp() { "UDP" } else { "TCP" };
    let mut text = format!("{test} with {server} for {} s, test port {port}/{transport}", time.as_secs());
    // Writing to a string cannot fail.
    let _infallible = match (test.is_udp(), udp_packets_received) {
        (true, count) => write!(text, "\nUDP packets received by the server: {count}"),
        (false, 0) => Ok(()),
        // A TCP test has none: a server that counts some is worth a look.
        (false, count) => write!(text, "\nUDP packets received by the server: {count} (in a TCP test)"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_was_tested() {
        let cases = [
            (TestType::TcpRr, 0),
            (TestType::TcpStream, 7),
            (TestType::UdpRr, 0),
            (TestType::UdpStream, (1 << 32) + 1),
        ];
        let reports = cases.map(|(test, udp_packets_received)| {
            let server = "[::1]:5678".parse().unwrap();
            let port = NonZeroU16::new(40_000).unwrap();
            text(&Outcome { test, server, time: Duration::from_secs(30), port, udp_packets_received })
        });
        insta::assert_snapshot!(reports.join("\n\n"), @r"
        TCP_RR with [::1]:5678 for 30 s, test port 40000/TCP

        TCP_STREAM with [::1]:5678 for 30 s, test port 40000/TCP
        UDP packets received by the server: 7 (in a TCP test)

        UDP_RR with [::1]:5678 for 30 s, test port 40000/UDP
        UDP packets received by the server: 0

        UDP_STREAM with [::1]:5678 for 30 s, test port 40000/UDP
        UDP packets received by the server: 4294967297
        ");
    }
}
