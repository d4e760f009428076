//! Reads the files again: every packet with its checksums and sequence numbers.

use etherparse::{NetSlice, SlicedPacket, TcpSlice, TransportSlice};
use pcap_file::pcapng::{Block, PcapNgReader};
use rstest::rstest;

use super::*;
use crate::model::bytes::Pattern;
use crate::model::fault::Fault;
use crate::model::place::Isolation;
use crate::model::requirement::{Level, Part};
use crate::model::sample::failed;
use crate::model::tolerance::Tolerances;
use crate::report::{ReportOptions, TargetInfo, Tool};

const SESSION: &str = "0 start\n100 ready\n103 connect\n104 open\n105 > 010102\n107 < 0102bb9c\n";

fn run() -> RunReport {
    let options = ReportOptions {
        part: Part::P2,
        quick: false,
        fail_on: Level::Must,
        jobs: 1,
        seed: 7,
        fixtures: Vec::new(),
        tolerances: Tolerances::default(),
    };
    let target = TargetInfo { path: Some("./tester".to_owned()), sha256: None, args: Vec::new() };
    RunReport {
        tool: Tool { name: "conformance".to_owned(), version: "0.1.0".to_owned() },
        ..RunReport::blank(target, options, Isolation::Namespace)
    }
}

fn file(case: &CaseRecord) -> Option<Vec<u8>> {
    let began = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    render(case, &run(), &Catalogue::built_in().unwrap(), began).unwrap()
}

/// The file in words: a line for each packet, with its comments below.
fn in_words(file: &[u8]) -> String {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut lines = Vec::new();
    for option in &reader.section().options {
        lines.push(match option {
            SectionHeaderOption::Comment(text) => format!("file: {}", text.replace('\n', "\n    ")),
            other => format!("{other:?}"),
        });
    }
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::InterfaceDescription(interface) => lines.push(format!("{:?}", interface.linktype)),
            Block::EnhancedPacket(packet) => {
                let since = packet.timestamp - Duration::from_secs(1_700_000_000);
                lines.push(format!("{:.3} {}", since.as_secs_f64(), packet_in_words(&packet)));
                for option in &packet.options {
                    let EnhancedPacketOption::Comment(text) = option else { panic!("{option:?}") };
                    lines.push(format!("    {}", text.replace('\n', "\n    ")));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    lines.join("\n")
}

fn packet_in_words(packet: &EnhancedPacketBlock<'_>) -> String {
    // For the checksum, bytes that were not kept are zeros.
    let mut whole = packet.data.to_vec();
    whole.resize(packet.original_len as usize, 0);
    let sliced = SlicedPacket::from_ip(&whole).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("no TCP") };
    assert_eq!(tcp.checksum(), right_checksum(sliced.net.as_ref().unwrap(), tcp));
    let flags = [(tcp.syn(), 'S'), (tcp.psh(), 'P'), (tcp.ack(), '.'), (tcp.fin(), 'F'), (tcp.rst(), 'R')];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    let kept = tcp.payload().len() - (whole.len() - packet.data.len());
    format!(
        "{} > {} [{flags}] seq {} ack {} {}{}",
        tcp.source_port(),
        tcp.destination_port(),
        tcp.sequence_number() % 1_000_000,
        tcp.acknowledgment_number() % 1_000_000,
        hex::encode(&tcp.payload()[..kept]),
        if kept < tcp.payload().len() { format!(" of {}", tcp.payload().len()) } else { String::new() },
    )
    .trim_end()
    .to_owned()
}

fn right_checksum(net: &NetSlice<'_>, tcp: &TcpSlice<'_>) -> u16 {
    let header = tcp.to_header();
    match net {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            header.calc_checksum_ipv4(&ip, tcp.payload()).unwrap()
        }
        NetSlice::Ipv6(ip) => header.calc_checksum_ipv6(&ip.header().to_header(), tcp.payload()).unwrap(),
        NetSlice::Arp(_) => panic!("no IP"),
    }
}

fn wrong_byte() -> Fault {
    let expected = Pattern::parse("01 04 ??*8").unwrap();
    Fault::WrongByte { expected, actual: hex::decode("0103").unwrap(), offset: 1 }
}

fn missing() -> Fault {
    let expected = Pattern::parse("01 04 ??*8").unwrap();
    Fault::BytesMissing { expected, actual: Vec::new(), waited: Duration::from_secs(5) }
}

#[rstest]
#[case::wrong_byte("wrong-byte", &format!("{SESSION}200 > 0103\n300 < 0103\n400 eof\n500 close\n600 exit 1"), wrong_byte())]
#[case::silence("silence", &format!("{SESSION}200 > 0103\n5200 signal INT"), missing())]
#[case::half_close_and_reset("half-close-and-reset", &format!("{SESSION}200 > 0103\n200 shutdown\n300 rst"), missing())]
#[case::refused("refused", "0 start\n100 exit 1\n200 connect\n200 refused connection refused", missing())]
#[case::client(
    "client",
    "0 start\n100 accepted 127.0.0.1:5678\n200 < 0101\n300 reset\n400 accepted 127.0.0.1:5678\n500 close",
    missing()
)]
fn a_conversation_reads_as_it_went(#[case] name: &str, #[case] script: &str, #[case] fault: Fault) {
    let file = file(&failed("server/session/results[TCP_RR]", "SRV-5", "--server", script, fault)).unwrap();
    insta::assert_snapshot!(format!("file-{name}"), in_words(&file));
}

#[test]
fn a_flood_is_as_long_as_it_was_and_holds_what_was_kept() {
    let script = format!("0 start\n100 connect\n100 open\n200 > {}\n300 rst", "00".repeat(100_000));
    let case = failed("server/invalid/foreign-bytes", "INV-6", "--server", &script, missing());
    let file = file(&case).unwrap();
    assert!(file.len() < 4_000, "{} bytes", file.len());
    let text = in_words(&file);
    assert!(text.contains(&format!("seq 1 ack 1 {} of 65476", "00".repeat(256))), "{text}");
    assert!(text.contains("seq 65477 ack 1  of 34524"), "{text}");
    assert!(text.contains("only the first 256 of 100000 bytes were kept"), "{text}");
}

#[test]
fn ipv6_is_ipv6() {
    let mut case = failed("server/session/ipv6", "SRV-12", "--server", SESSION, missing());
    for entry in &mut case.transcript.entries {
        match &mut entry.event {
            crate::model::transcript::Event::Connecting { to, .. } => "[::1]:5678".clone_into(to),
            crate::model::transcript::Event::Opened { local, peer, .. } => {
                "[::1]:40000".clone_into(local);
                "[::1]:5678".clone_into(peer);
            }
            _ => {}
        }
    }
    let text = in_words(&file(&case).unwrap());
    assert!(text.contains("40000 > 5678 [P.] seq 1 ack 1 010102"), "{text}");
}

#[test]
fn a_case_without_a_connection_makes_no_file() {
    let case = failed("command/help", "CLI-1", "--help", "0 start\n100 exit 1", missing());
    assert_eq!(file(&case), None);
}

/// A message may contain text of a target.
#[test]
fn comments_are_tame_and_fit() {
    let mut case = failed("server/a", "SRV-5", "--server", SESSION, wrong_byte());
    case.message = Some(format!("\u{1b}[31m{}", "ä".repeat(70_000)));
    let text = in_words(&file(&case).unwrap());
    assert!(!text.contains('\u{1b}'), "a terminal escape is in a comment");
}
