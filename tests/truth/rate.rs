//! What `--rate` asks for is what goes over the network.

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::network::{Counters, Network};
use crate::support::SOON;
use crate::{ETHERNET_MTU, RATE_TOLERANCE, TCP_HEADERS, UDP_HEADERS, is_near};

/// A paced test sends what it says, by another clock and another counter than its own: the loopback's, read while the test
/// runs. Each look is at a moment of its own, so that a look that comes late makes the span longer and not the rate wrong.
#[rstest]
#[case::tcp("TCP_STREAM", &[], TCP_HEADERS)]
#[case::tcp_copied("TCP_STREAM", &["--copy"], TCP_HEADERS)]
#[case::udp("UDP_STREAM", &[], UDP_HEADERS)]
#[case::udp_one_by_one("UDP_STREAM", &["--no-offload"], UDP_HEADERS)]
fn paced_tests_keep_their_rate(#[case] test: &str, #[case] options: &[&str], #[case] headers: u64) {
    const RATE: f64 = 100.0;
    /// The bytes of a tenth of a second, and of nine tenths of the test.
    const SPAN: [u64; 2] = [1_250_000, 22_500_000];

    let Some(network) = Network::new(ETHERNET_MTU) else { return };
    // Of a packet that stands for several the loopback counts the first one's headers alone. The two counters are not read
    // at one moment: a packet may be counted whose bytes are not yet, which makes a look wrong by that packet at most.
    let payload =
        |counters: &Counters| counters.of("lo.bytes").saturating_sub(headers * counters.of("lo.packets"));
    let running = network.begin(options, &[&["--time=2", "--rate=100M", "--test", test], options].concat());
    let look = |least: u64| {
        let deadline = Instant::now() + SOON;
        loop {
            let before = Instant::now();
            let bytes = payload(&network.counters());
            if bytes >= least {
                return (before, bytes);
            }
            assert!(before < deadline, "{bytes} bytes");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let [(begin, first), (end, last)] = SPAN.map(look);
    let seen = (last - first) as f64 * 8e-6 / (end - begin).as_secs_f64();
    let report = running.end();
    let told = report.number("throughput_mbit_per_s");
    assert!(is_near(seen, RATE, RATE_TOLERANCE), "{seen} Mbit/s went through: {:#}", report.0);
    assert!(is_near(told, RATE, RATE_TOLERANCE), "{told} Mbit/s are told: {:#}", report.0);
}
