//! Rows as kernels print them. The integration tests of the isolation read the real tables.

use rstest::rstest;

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The kernel prints each 32 bits of memory as a number: the samples below come from a little-endian machine.
#[cfg(target_endian = "little")]
#[rstest]
#[case::v4("0100007F:162E", "127.0.0.1:5678")]
#[case::any("00000000:0000", "0.0.0.0:0")]
#[case::v6("B80D0120000000000000000001000000:162E", "[2001:db8::1]:5678")]
#[case::mapped("0000000000000000FFFF00000100007F:162E", "127.0.0.1:5678")]
fn an_address_is_read(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(parse_address(text), Some(address(expected)));
}

#[rstest]
#[case::no_port("0100007F")]
#[case::odd_length("0100007:162E")]
#[case::no_digits("0100007G:162E")]
#[case::port_too_large("0100007F:1162E")]
fn a_broken_address_is_none(#[case] text: &str) {
    assert_eq!(parse_address(text), None);
}

#[cfg(target_endian = "little")]
#[test]
fn a_tcp_row_is_read() {
    let row = "   1: 0100007F:162E 0100007F:D431 08 00000002:0000000A 00:00000000 00000000     0        0 20034 1 \
               0000000000000000 20 0 0 10 -1";
    let socket = Socket {
        local: address("127.0.0.1:5678"),
        remote: address("127.0.0.1:54321"),
        state: CLOSE_WAIT,
        unsent_bytes: 2,
        unread_bytes: 10,
        inode: 20034,
        drops: 20,
    };
    assert_eq!(parse_row(row), Some(socket));
}

#[cfg(target_endian = "little")]
#[test]
fn a_udp_row_is_read_with_its_drops() {
    let row = " 7093: 00000000:C350 00000000:0000 07 00000000:00000300 00:00000000 00000000  1000        0 38207 2 \
               0000000000000000 17";
    let socket = Socket {
        local: address("0.0.0.0:50000"),
        remote: address("0.0.0.0:0"),
        state: 7,
        unsent_bytes: 0,
        unread_bytes: 768,
        inode: 38207,
        drops: 17,
    };
    assert_eq!(parse_row(row), Some(socket));
}

#[test]
fn the_line_of_titles_is_no_row() {
    let titles =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    assert_eq!(parse_row(titles), None);
}

#[rstest]
#[case("InDatagrams", Some(7))]
#[case("RcvbufErrors", Some(3))]
#[case("MemErrors", None)]
fn a_counter_of_version_4_is_found_by_its_title(#[case] name: &str, #[case] expected: Option<u64>) {
    let text = "Tcp: InErrs\nTcp: 99\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 7 1 2 8 3\n\
                UdpLite: InDatagrams\nUdpLite: 55\n";
    assert_eq!(in_snmp(text, name), expected);
}

#[rstest]
#[case("InDatagrams", Some(7))]
#[case("InErrors", Some(2))]
#[case("NoPorts", None)]
fn a_counter_of_version_6_is_found_by_its_name(#[case] name: &str, #[case] expected: Option<u64>) {
    let text =
        "Ip6InReceives \t4\nUdp6InDatagrams                 \t7\nUdp6InErrors\t2\nUdpLite6NoPorts\t5\n";
    assert_eq!(in_snmp6(text, name), expected);
}

#[test]
fn counters_subtract_without_going_below_zero() {
    let earlier = UdpCounters { in_datagrams: 5, no_ports: 9, ..UdpCounters::default() };
    let later = UdpCounters { in_datagrams: 8, no_ports: 3, ..UdpCounters::default() };
    assert_eq!(later - earlier, UdpCounters { in_datagrams: 3, ..UdpCounters::default() });
}
