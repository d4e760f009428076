//! A path that stops taking datagrams in one piece, to be cut by the system, costs not one of the count.

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::ETHERNET_MTU;
use crate::network::Network;
use crate::support::SOON;

/// A datagram with its headers does not fit in a packet of this MTU. The system refuses to cut a send into such datagrams
/// (EINVAL or EMSGSIZE, by its age), and sends each as two fragments where they come one by one.
const SMALL_MTU: u32 = 1400;

/// At this rate a client sends two datagrams at once, those of a millisecond, and the smallest receive buffer that systems
/// give lasts for 70 ms.
const RATE: &str = "--rate=30M";
const AT_ONCE: u64 = 2;

/// The path changes when this many sends have gone by in one piece: after half a second of two.
const BEFORE: u64 = 600;

/// The MTU is too small from the first, or becomes so in the middle of the test. Kernels before 6.11 also refused on a
/// device whose checksums are switched off (EIO); newer ones cannot show that, and the client treats the two alike.
#[rstest]
#[case::from_the_first(SMALL_MTU)]
#[case::in_the_middle(ETHERNET_MTU)]
fn the_count_outlives_segmentation_offload(#[case] mtu: u32) {
    let Some(network) = Network::new(mtu) else { return };
    let running = network.begin(&[], &["--time=2", "--test=UDP_STREAM", RATE]);
    if mtu != SMALL_MTU {
        let deadline = Instant::now() + SOON;
        while network.counters().udp_delivered() < BEFORE {
            assert!(Instant::now() < deadline, "{:?}", network.counters());
            std::thread::sleep(Duration::from_millis(2));
        }
        network.run(&format!("ip link set lo mtu {SMALL_MTU}")).unwrap();
    }
    let report = running.end();
    let counters = network.counters();
    let story = format!("{counters:?} {:#}", report.0);
    assert_eq!(report.0["measured"]["method"], "sendmmsg", "{story}");

    // What was put together from fragments was one datagram, and everything else came in one piece.
    let single = counters.of("Ip.ReasmOKs");
    let joined = counters.udp_delivered() - single;
    assert!(single > 0 && (joined >= BEFORE || mtu == SMALL_MTU), "{story}");
    let (sent, results) = (report.count("sent_datagrams"), report.results());
    assert_eq!(sent, AT_ONCE * joined + single, "{story}");
    // The receive buffer takes or refuses what came in one piece as one; where it took all, this is an equality.
    let refused = counters.of("Udp.RcvbufErrors");
    assert!((refused..=AT_ONCE * refused).contains(&(sent - results)), "{story}");
}
