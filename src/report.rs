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

    #[rstest::rstest]
    #[case::tcp(TestType::TcpRr, 0)]
    #[case::tcp_with_a_count(TestType::TcpStream, 7)]
    #[case::udp(TestType::UdpRr, 0)]
    #[case::udp_above_32_bits(TestType::UdpStream, (1 << 32) + 1)]
    fn the_report_says_what_was_tested(#[case] test: TestType, #[case] udp_packets_received: u64) {
        let server = "[::1]:5678".parse().unwrap();
        let outcome = Outcome {
            test,
            server,
            time: Duration::from_secs(30),
            port: NonZeroU16::new(40_000).unwrap(),
            udp_packets_received,
        };
        insta::assert_snapshot!(format!("{test}-{udp_packets_received}"), text(&outcome));
    }
}
