//! What the client tells its user when a test is over.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::protocol::message::TestType;
use crate::tally::{Tally, loss_percent, megabits_per_second, per_second};

/// A test that went through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome<'a> {
    pub(crate) test: TestType,
    /// The control connection's other end.
    pub(crate) server: SocketAddr,
    /// What `--time` asked for.
    pub(crate) time: Duration,
    /// The test port that the server announced.
    pub(crate) port: NonZeroU16,
    /// From Results.
    pub(crate) udp_packets_received: u64,
    /// What the client counted; nothing with `--no-data`.
    pub(crate) tally: Option<&'a Tally>,
}

/// The report for a person: lines without the last line's end.
pub(crate) fn text(outcome: &Outcome<'_>) -> String {
    let Outcome { test, server, time, port, udp_packets_received, tally } = outcome;
    let transport = if test.is_udp() { "UDP" } else { "TCP" };
    let mut text = format!("{test} with {server} for {} s, test port {port}/{transport}", time.as_secs());
    // Writing to a string cannot fail.
    let _infallible = match (test.is_udp(), udp_packets_received) {
        (true, count) => write!(text, "\nUDP packets received by the server: {count}"),
        (false, 0) => Ok(()),
        // A TCP test has none: a server that counts some is worth a look.
        (false, count) => write!(text, "\nUDP packets received by the server: {count} (in a TCP test)"),
    };
    if let Some(tally) = tally {
        figures(&mut text, *test, tally, *udp_packets_received);
    }
    text
}

fn figures(text: &mut String, test: TestType, tally: &Tally, received: u64) {
    if let Some(why) = &tally.broken
        && why.is_absence()
    {
        let _infallible = write!(text, "\nNothing was measured: {why}");
        return;
    }
    let mut line = |line: String| {
        text.push('\n');
        text.push_str(&line);
    };
    if tally.broken.is_some() {
        line("The data ended before the time was up; the figures are of what there was.".to_owned());
    }
    let bytes = match test {
        TestType::TcpStream => Some(tally.acknowledged_bytes.unwrap_or(tally.bytes)),
        // All datagrams of a test have one length.
        TestType::UdpStream if tally.datagrams > 0 => {
            Some(received.min(tally.datagrams) * (tally.bytes / tally.datagrams))
        }
        _ => None,
    };
    if let Some(rate) = bytes.and_then(|bytes| megabits_per_second(bytes, tally.time)) {
        line(format!("Throughput: {rate:.2} Mbit/s"));
    }
    if matches!(test, TestType::TcpRr | TestType::UdpRr)
        && let Some(rate) = per_second(tally.round_trips as f64, tally.time)
    {
        line(format!("Round trips: {rate:.1} per second"));
    }
    if test.is_udp()
        && let Some(percent) = loss_percent(tally.datagrams, received)
    {
        line(format!("Loss: {percent:.3} % ({} sent, {received} received)", tally.datagrams));
    }
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
            text(&Outcome {
                test,
                server,
                time: Duration::from_secs(30),
                port,
                udp_packets_received,
                tally: None,
            })
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
