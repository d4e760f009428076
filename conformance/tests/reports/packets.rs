//! The capture files of `--transcripts`, from the real runner, through the real tshark with the project's own
//! dissector: readable and complete, with each fault marked at its place.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::prelude::OutputAssertExt;
use etherparse::{IpHeaders, PacketBuilder, PacketHeaders, TransportHeader};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use predicates::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use crate::support::again::judged;
use crate::support::built::mutant;
use crate::support::installed::there_is;
use crate::support::paths::in_crate;
use crate::support::runner::runner;

/// The capture files of a run of a mutant, by its fault; each run is made once.
fn captures(fault: &'static str, cases: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut command = runner();
    command.args(["--quiet", "--target-bin"]).arg(mutant()).arg(format!("--target-arg=--fault={fault}"));
    command.args(["--case", cases, "--transcripts"]).arg(folder.path());
    judged(&mut command).assert().code(1);
    folder
}

/// The output of tshark for a file, one line for each packet that matches the filter: the fields, separated by `|`, and
/// by `,` if a field occurs more than once. Checksums are checked.
fn tshark(file: &Path, filter: &str, options: &[&str], fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-X").arg(format!("lua_script:{}", in_crate("../spec/wireshark/tester.lua").display()));
    command.args(["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]).args(options);
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // A fault of the Lua script is reported only there.
    assert!(output.status.success() && !said.contains("Lua"), "tshark: {said}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Checks that tshark finds nothing wrong with the packets themselves. The system may give a port to a second connection.
const DAMAGED: &str = "_ws.malformed || _ws.lua.error || tcp.checksum.status == 0 || ip.checksum.status == 0 || \
                       (tcp.analysis.flags && !tcp.analysis.reused_ports) || tcp.checksum.status == 2";

#[test]
fn tshark_reads_the_file_and_finds_the_fault() {
    if !there_is("tshark") {
        return;
    }
    let folder = captures("request-version-unchecked", "server/invalid/request-version[02]");
    let file = folder.path().join("server.invalid.request-version.02.pcapng");
    assert_eq!(tshark(&file, DAMAGED, &[], &["frame.number"]), [""; 0]);
    let columns =
        ["_ws.col.Info", "tester.version", "tester.message_type", "tester.test_type", "tester.invalid"];
    let messages = tshark(&file, "tester", &[], &columns);
    assert_eq!(messages[0], "client: Request TCP_STREAM [invalid]|2|1|1|1");
    assert!(messages[1].starts_with("server: Reply, port "), "{messages:?}");
    assert!(messages[1].ends_with("|1|2||"), "{messages:?}");
    assert_eq!(messages.len(), 2);
    let flagged = tshark(&file, "tester.version.invalid", &[], &["frame.number", "_ws.expert.message"]);
    assert_eq!(flagged, ["4|version 2: only version 1 is spoken"]);
    let comments = tshark(&file, "frame.comment", &[], &["frame.number", "frame.comment"]);
    assert!(comments[0].starts_with("1|server/invalid/request-version[02]: fail (INV-1): "), "{comments:?}");
    let fault = comments.iter().find(|line| line.contains("FAULT")).unwrap();
    assert!(
        fault.starts_with("5|FAULT (INV-1)")
            && fault.contains("expected: a close, and not one byte before it"),
        "{fault}"
    );
}

/// Every field that can be invalid is marked and named.
#[rstest]
#[case::reply_port(
    "reply-port-zero",
    "server/session/port-announced[TCP_RR]",
    "tester.test_port.invalid",
    "test port 0"
)]
#[case::reply_type(
    "reply-of-wrong-type",
    "server/session/reply[TCP_RR]",
    "tester.message_type.not_due || tester.message_type.invalid",
    "where a Reply is due"
)]
#[case::surplus(
    "byte-after-results",
    "server/session/closes-after-results[TCP_RR]",
    "tester.surplus.invalid",
    "1 byte too many"
)]
#[case::client_done(
    "client-requests-again",
    "client/session/waits-for-reply",
    "tester.message_type.not_due",
    "a Request where a Done is due"
)]
fn an_invalid_field_is_flagged(
    #[case] fault: &'static str,
    #[case] case: &str,
    #[case] filter: &str,
    #[case] words: &str,
) {
    if !there_is("tshark") {
        return;
    }
    let folder = captures(fault, case);
    let file = folder.path().join(conformance::report::transcripts::file_name(case));
    assert_eq!(tshark(&file, DAMAGED, &[], &["frame.number"]), [""; 0]);
    let flagged = tshark(&file, filter, &[], &["_ws.expert.message"]);
    assert!(flagged.iter().any(|line| line.contains(words)), "{flagged:?}");
}

/// The messages in each file of a right tester, in the order of the ladder.
const SESSION: [&str; 4] = ["client: Request", "server: Reply, port", "client: Done", "server: Results, 0"];

/// A message in pieces, and two in one: the dissector joins and separates them.
#[rstest]
#[case::pieces("client/segmentation/results-cut[byte-by-byte]")]
#[case::together("server/segmentation/request-and-done-together[TCP_RR]")]
#[case::ipv6("server/session/ipv6-loopback")]
#[case::many("server/abort/200-in-a-row")]
#[case::flood("server/invalid/foreign-bytes[1-MiB-random]")]
fn a_right_tester_is_read_as_well(#[case] case: &str) {
    if !there_is("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = runner();
    command.args(["--quiet", "--case", case, "--transcripts-all", "--transcripts"]).arg(folder.path());
    judged(&mut command).assert().success();
    let file = folder.path().join(conformance::report::transcripts::file_name(case));
    // A packet that was cut on purpose has no checksum to check.
    let damaged = format!("({DAMAGED}) && frame.cap_len == frame.len");
    assert_eq!(tshark(&file, &damaged, &[], &["frame.number", "_ws.expert.message"]), [""; 0]);
    let messages = tshark(&file, "tester", &[], &["_ws.col.Info"]).join("\n").replace(" + ", "\nclient: ");
    let mut rest = messages.as_str();
    for message in SESSION {
        let (_, after) = rest.split_once(message).unwrap_or_else(|| panic!("no {message} in {messages}"));
        rest = after;
    }
}

/// On another port: by the preference, and by Decode As.
#[rstest]
#[case::preference(&["-o", "tester.port:9000"])]
#[case::decode_as(&["-d", "tcp.port==9000,tester"])]
fn the_port_can_be_chosen(#[case] options: &[&str]) {
    if !there_is("tshark") {
        return;
    }
    let folder = captures("reply-port-zero", "server/session/port-announced[TCP_RR]");
    let file = folder.path().join("server.session.port-announced.TCP_RR.pcapng");
    let moved = folder.path().join("moved.pcapng");
    fs::write(&moved, on_port_9000(&fs::read(&file).unwrap())).unwrap();
    assert_eq!(tshark(&moved, DAMAGED, &[], &["frame.number"]), [""; 0]);
    assert_eq!(tshark(&moved, "tester", &[], &["frame.number"]), [""; 0]);
    let messages = tshark(&moved, "tester", options, &["_ws.col.Info"]);
    assert_eq!(messages, ["client: Request TCP_RR", "server: Reply, port 0 [invalid]"]);
}

/// The same packets from and to another port than 5678.
fn on_port_9000(file: &[u8]) -> Vec<u8> {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), reader.section().clone()).unwrap();
    let other = |port: u16| if port == 5678 { 9000 } else { port };
    while let Some(block) = reader.next_block() {
        let mut block = block.unwrap();
        if let Block::EnhancedPacket(packet) = &mut block {
            let headers = PacketHeaders::from_ip_slice(&packet.data).unwrap();
            let Some(TransportHeader::Tcp(mut tcp)) = headers.transport else { panic!("no TCP") };
            (tcp.source_port, tcp.destination_port) = (other(tcp.source_port), other(tcp.destination_port));
            let ip = match headers.net {
                Some(etherparse::NetHeaders::Ipv4(header, extensions)) => IpHeaders::Ipv4(header, extensions),
                other => panic!("{other:?}"),
            };
            let mut moved = Vec::new();
            let payload = headers.payload.slice();
            PacketBuilder::ip(ip).tcp_header(tcp).write_to_vec(&mut moved, payload).unwrap();
            packet.data = Cow::Owned(moved);
        }
        writer.write_block(&block).unwrap();
    }
    writer.into_inner()
}

/// Only failed cases, unless all are requested. Older files stay.
#[rstest]
#[case::failed(&[], &["old", "server.invalid.request-version.00.pcapng"])]
#[case::all(
    &["--transcripts-all"],
    &["old", "server.invalid.request-test-type.00.pcapng", "server.invalid.request-version.00.pcapng"]
)]
fn the_folder_holds_what_was_asked_for(#[case] options: &[&str], #[case] files: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old"), "").unwrap();
    let mut command = runner();
    command
        .args(["--quiet", "--target-bin"])
        .arg(mutant())
        .args(["--target-arg=--fault=request-version-unchecked", "--case"])
        .args(["server/invalid/request-version[00]", "server/invalid/request-test-type[00]", "command/help"])
        .arg("--transcripts")
        .arg(folder.path())
        .args(options);
    judged(&mut command).assert().code(1).stderr("");
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, files);
}

/// Each submission of a class has a folder of its own.
#[test]
fn a_class_is_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("class");
    for name in ["ada", "bob"] {
        fs::create_dir_all(class.join(name)).unwrap();
        fs::copy(mutant(), class.join(name).join("tester")).unwrap();
    }
    let captures = folder.path().join("captures");
    let mut command = runner();
    command.args(["grade", "--quiet", "--target-arg=--fault=request-version-unchecked"]);
    command
        .args(["--case", "server/invalid/request-version[00]", "--transcripts"])
        .arg(&captures)
        .arg(&class);
    judged(&mut command).assert().code(1);
    for name in ["ada", "bob"] {
        let file = captures.join(name).join("server.invalid.request-version.00.pcapng");
        assert!(file.exists(), "{}", file.display());
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let marker = folder.path().join("started");
    runner()
        .args(["--isolation", "host", "--target-cmd"])
        .arg(format!("touch {}", marker.display()))
        .args(["--case", "command/help", "--transcripts"])
        .arg(file.join("captures"))
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("--transcripts").and(predicate::str::contains("Not a directory")));
    assert!(!marker.exists(), "the target was started");
}
