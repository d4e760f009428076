//! Throughput and loss where a token bucket limits the path.

use rstest::rstest;

use crate::network::Network;
use crate::{DATAGRAM_BYTES, ETHERNET_MTU, LOSS_TOLERANCE, TCP_HEADERS, THROUGHPUT_TOLERANCE, is_near};

/// TCP_STREAM reports the goodput of its limit.
///
/// The bucket holds 128 KiB, because it passes a packet on only if that fits in whole, and cuts up or drops what does not:
/// a packet of offload has up to 64 KiB of payload, and the loopback's own MTU makes true packets of that size. At 100
/// Mbit/s that is also 10 ms for which a busy machine may be late without any rate being lost. The queue is short (20 ms),
/// because acknowledgements go through it as well, behind the data.
///
/// The bucket counts whole packets, of both directions. Which share of its rate is payload hangs on how many
/// acknowledgements there are, so that it is taken from the queue's own counters and not from arithmetic alone: all bytes
/// but those of as many headers as there were packets.
#[rstest]
#[case::long_packets(65_536, &[])]
#[case::ethernet(ETHERNET_MTU, &[])]
#[case::ethernet_copied(ETHERNET_MTU, &["--copy"])]
fn tcp_streams_tell_the_goodput_of_a_limit(#[case] mtu: u32, #[case] options: &[&str]) {
    const LIMIT: f64 = 100.0;
    let Some(network) = Network::limited(mtu, "rate 100mbit burst 128kb latency 20ms") else { return };
    let report = network.measure(options, &[&["--time=2"], options].concat());
    let queue = network.queue();
    let payload = queue.bytes - queue.packets * TCP_HEADERS;
    // Nothing is made up: what was acknowledged has gone through the queue.
    assert!(report.count("acknowledged_bytes") <= payload, "{queue:?} {:#}", report.0);
    let goodput = LIMIT * payload as f64 / queue.bytes as f64;
    let told = report.number("throughput_mbit_per_s");
    assert!(
        is_near(told, goodput, THROUGHPUT_TOLERANCE),
        "{told} instead of {goodput} Mbit/s: {queue:?} {:#}",
        report.0
    );
}

/// UDP_STREAM counts what arrived, to the datagram, and its loss is the queue's.
///
/// `unit` says how many datagrams one packet stood for when it was dropped or delivered: a paced client sends those of a
/// millisecond at once, and at most 44. The bucket holds the whole of that, save where it is to cut it up; its queue holds
/// less than the client's send buffer, which else would hold the client back and nothing would be lost. At 40 Mbit/s the
/// smallest receive buffer that systems give lasts for 40 ms, and what it has no room for all the same is told apart.
#[rstest]
#[case::never_cut(&[], &[], "burst 16kb limit 100kb", "80M", 6)]
#[case::never_cut_at_full_length(&[], &[], "burst 128kb limit 150kb", "600M", 44)]
#[case::cut_behind_the_queue(&[], &["--no-offload"], "burst 16kb limit 100kb", "80M", 6)]
#[case::cut_by_the_queue(&[], &[], "burst 4kb limit 100kb", "80M", 1)]
#[case::never_joined(&["--no-offload"], &["--no-offload"], "burst 16kb limit 100kb", "80M", 1)]
fn udp_streams_tell_the_loss_of_a_limit(
    #[case] client: &[&str],
    #[case] server: &[&str],
    #[case] bucket: &str,
    #[case] rate: &str,
    #[case] unit: u64,
) {
    let Some(network) = Network::limited(ETHERNET_MTU, &format!("rate 40mbit {bucket}")) else { return };
    let options = [&["--time=1", "--test=UDP_STREAM", "--rate", rate], client].concat();
    let report = network.measure(server, &options);
    let (queue, counters) = network.settled();
    let story = format!("{queue:?} {counters:?} {:#}", report.0);

    let (sent, results) = (report.count("sent_datagrams"), report.results());
    // The control connection's packets stand for themselves alone.
    let passed = queue.packets - counters.of("Tcp.InSegs");
    assert_eq!(passed, unit * counters.udp_delivered(), "{story}");
    // With offload the receive buffer takes or refuses what came in one packet as one.
    let refused_unit = if server.is_empty() { unit } else { 1 };
    let refused = refused_unit * counters.of("Udp.RcvbufErrors");
    assert_eq!(results, passed - refused, "{story}");

    let percent = |lost: u64, all: u64| lost as f64 * 100.0 / all as f64;
    let dropped = unit * queue.drops;
    let loss = percent(dropped + refused, dropped + passed);
    // Half of the datagrams fit, or a fifteenth: a limit that drops nothing would show nothing.
    assert!((30.0..98.0).contains(&loss), "{story}");
    let told = report.number("loss_percent");
    assert!((told - loss).abs() <= LOSS_TOLERANCE, "{told} instead of {loss} %: {story}");
    // What the throughput is of is what arrived, and not what was sent into the queue.
    let arrived = (results * DATAGRAM_BYTES) as f64 * 8e-6 / report.number("time_s");
    let told = report.number("throughput_mbit_per_s");
    assert!((told - arrived).abs() < 0.01, "{told} instead of {arrived} Mbit/s: {story}");
    assert!(sent > results, "{story}");
}
