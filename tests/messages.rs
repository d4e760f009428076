//! The four messages against the golden vectors, against every value of every byte, and against the tables of the
//! specification.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, at the right line"
)]

use std::num::NonZeroU16;
use std::path::PathBuf;

use rstest::rstest;
use serde::Deserialize;
use tester::protocol::fault::Fault;
use tester::protocol::framing::Framing;
use tester::protocol::message::{Done, Field, Message, MessageType, Reply, Request, Results, TestType};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorFile {
    message: String,
    vector: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    hex: String,
    fields: Option<toml::Table>,
    fault: Option<VectorFault>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
enum VectorFault {
    NotAllowed { offset: usize, field: String, value: u64, allowed: [u64; 2] },
    Truncated { offset: usize, missing: usize },
    Trailing { offset: usize, extra: usize },
}

#[rstest]
fn vectors_hold(#[files("fixtures/messages/*.toml")] path: PathBuf) {
    let file: VectorFile = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(!file.vector.is_empty());
    for vector in &file.vector {
        match file.message.as_str() {
            "Request" => check::<Request>(vector),
            "Reply" => check::<Reply>(vector),
            "Done" => check::<Done>(vector),
            "Results" => check::<Results>(vector),
            other => panic!("{other} is no message"),
        }
    }
}

fn check<M: Message + PartialEq + std::fmt::Debug>(vector: &Vector) {
    let Vector { name, hex, fields, fault } = vector;
    let bytes = hex::decode(hex.replace(' ', "")).unwrap();
    match (M::decode(&bytes), fields, fault) {
        (Ok(message), Some(fields), None) => {
            assert_eq!(message.encode(), bytes, "{name}");
            assert_eq!(read_fields::<M>(&bytes), *fields, "{name}");
        }
        (Err(found), None, Some(fault)) => assert_eq!(as_vector::<M>(&found), *fault, "{name}: {found}"),
        (decoded, ..) => panic!("{name}: {decoded:?}, but the vector says {fields:?} or {fault:?}"),
    }
}

/// The fields as the layout has them, read without deku.
fn read_fields<M: Message>(bytes: &[u8]) -> toml::Table {
    let mut fields = toml::Table::new();
    for field in M::FIELDS {
        let value = big_endian(bytes, field);
        let value = match field.size {
            8 => toml::Value::String(value.to_string()),
            _ => toml::Value::Integer(value.try_into().unwrap()),
        };
        fields.insert(field.name.to_owned(), value);
    }
    fields
}

fn big_endian(bytes: &[u8], field: &Field) -> u64 {
    let mut wide = [0; 8];
    wide[8 - field.size..].copy_from_slice(&bytes[field.offset..field.offset + field.size]);
    u64::from_be_bytes(wide)
}

fn as_vector<M: Message>(fault: &Fault) -> VectorFault {
    match *fault {
        Fault::NotAllowed { message, field, value } => {
            assert_eq!(message, M::TYPE);
            let Field { offset, name, min, max, .. } = *field;
            VectorFault::NotAllowed { offset, field: name.to_owned(), value, allowed: [min, max] }
        }
        Fault::NotDue { due, got } => VectorFault::NotAllowed {
            offset: 1,
            field: "message_type".to_owned(),
            value: got as u64,
            allowed: [due as u64; 2],
        },
        Fault::Truncated { got, size, .. } => VectorFault::Truncated { offset: got, missing: size - got },
        Fault::Trailing { extra, .. } => VectorFault::Trailing { offset: M::SIZE, extra },
    }
}

#[test]
fn every_port_survives_the_wire() {
    for port in 1..=u16::MAX {
        let reply = Reply { test_port: NonZeroU16::new(port).unwrap() };
        let [high, low] = port.to_be_bytes();
        assert_eq!(reply.encode(), [1, 2, high, low]);
        assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    }
}

#[rstest]
fn every_count_survives_the_wire(
    #[values(0, 1, 0xFF, 0x100, 0xFFFF_FFFF, 0x1_0000_0000, u64::MAX >> 1, u64::MAX - 1, u64::MAX)]
    count: u64,
    #[values(0, 7, 8, 31, 33, 63)] rotation: u32,
) {
    let results = Results { udp_packets_received: count.rotate_left(rotation) };
    let bytes = results.encode();
    assert_eq!(bytes[..2], [1, 4]);
    assert_eq!(bytes[2..], results.udp_packets_received.to_be_bytes());
    assert_eq!(Results::decode(&bytes), Ok(results));
}

/// The layout tables name what the deku schema takes: every byte of every message is tried with all 256 values.
#[rstest]
#[case::request(exhaust::<Request>)]
#[case::reply(exhaust::<Reply>)]
#[case::done(exhaust::<Done>)]
#[case::results(exhaust::<Results>)]
fn the_layout_is_what_the_schema_takes(#[case] exhaust: fn()) {
    exhaust();
}

fn exhaust<M: Message + std::fmt::Debug>() {
    let mut end = 0;
    for field in M::FIELDS {
        assert_eq!(field.offset, end, "{} leaves a gap", field.name);
        end += field.size;
    }
    assert_eq!(end, M::SIZE);

    // The lowest valid message, built from the layout alone.
    let mut good = Vec::new();
    for field in M::FIELDS {
        good.extend(&field.min.to_be_bytes()[8 - field.size..]);
    }
    for offset in 0..M::SIZE {
        for value in 0..=u8::MAX {
            let mut bytes = good.clone();
            bytes[offset] = value;
            let wrong = M::FIELDS.iter().find(|f| !(f.min..=f.max).contains(&big_endian(&bytes, f)));
            match (M::decode(&bytes), wrong) {
                (Ok(message), None) => assert_eq!(message.encode(), bytes),
                (Err(Fault::NotAllowed { message, field, value }), Some(wrong)) => {
                    assert_eq!((message, field, value), (M::TYPE, wrong, big_endian(&bytes, wrong)));
                }
                (Err(Fault::NotDue { due, got }), Some(wrong)) => {
                    assert_eq!((due, wrong.offset, got as u8), (M::TYPE, 1, value));
                }
                (decoded, wrong) => panic!("{bytes:02x?}: {decoded:?}, but the layout says {wrong:?}"),
            }
        }
    }
}

#[rstest]
#[case::version("02", "byte 0 of Request (version) is 0x02, allowed: 0x01")]
#[case::kind("01 07", "byte 1 of Request (message_type) is 0x07, allowed: 0x01")]
#[case::other_message("01 03", "Done came where Request was due (byte 1 is 0x03, allowed: 0x01)")]
#[case::test("01 01 09", "byte 2 of Request (test_type) is 0x09, allowed: 0x01..=0x04")]
#[case::short("01 01", "Request is cut short: 2 of 3 bytes")]
#[case::long("01 01 01 00 ff", "too many bytes after Request: 2, beginning with 0x00")]
fn a_fault_reads_well(#[case] hex: &str, #[case] words: &str) {
    let bytes = hex::decode(hex.replace(' ', "")).unwrap();
    assert_eq!(Request::decode(&bytes).unwrap_err().to_string(), words);
}

#[test]
fn a_fault_of_two_bytes_reads_well() {
    let fault = Reply::decode(&[1, 2, 0, 0]).unwrap_err();
    assert_eq!(fault.to_string(), "bytes 2 to 3 of Reply (test_port) are 0x0000, allowed: 0x0001..=0xffff");
}

#[test]
fn framing_takes_messages_out_of_any_slices() {
    let stream: Vec<u8> = [
        Request { test: TestType::UdpRr }.encode(),
        Done.encode(),
        Request { test: TestType::TcpRr }.encode(),
    ]
    .concat();
    for size in 1..=stream.len() {
        let mut framing = Framing::default();
        let mut taken = Vec::new();
        for slice in stream.chunks(size) {
            framing.push(slice);
            loop {
                let took = match taken.len() {
                    1 => framing.take::<Done>().unwrap().map(|_| None),
                    _ => framing.take::<Request>().unwrap().map(|request| Some(request.test)),
                };
                let Some(message) = took else { break };
                taken.push(message);
                if taken.len() == 3 {
                    break;
                }
            }
        }
        assert_eq!(taken, [Some(TestType::UdpRr), None, Some(TestType::TcpRr)], "in slices of {size}");
        assert!(framing.pending().is_empty());
    }
}

#[rstest]
#[case::version(&[9], "version")]
#[case::kind(&[1, 9], "message_type")]
fn framing_names_a_fault_before_the_message_is_complete(#[case] bytes: &[u8], #[case] name: &str) {
    let mut framing = Framing::default();
    framing.push(bytes);
    let fault = framing.take::<Results>().unwrap_err();
    assert!(matches!(fault, Fault::NotAllowed { field, value: 9, .. } if field.name == name), "{fault}");
}

/// spec/protocol.md is written by hand; its tables say what the schema says, to the letter.
#[rstest]
#[case::request("Request", byte_table::<Request>())]
#[case::reply("Reply", byte_table::<Reply>())]
#[case::done("Done", byte_table::<Done>())]
#[case::results("Results", byte_table::<Results>())]
fn the_specification_has_the_schemas_bytes(#[case] name: &str, #[case] schema: Vec<Vec<String>>) {
    assert_eq!(table(name), schema);
}

fn byte_table<M: Message>() -> Vec<Vec<String>> {
    let mut rows = vec![["offset", "size", "field", "type", "value"].map(str::to_owned).to_vec()];
    for &Field { offset, size, name, min, max } in M::FIELDS {
        let bits = 8 * size;
        let kind = match (name, size) {
            ("test_type", 1) => "TestType".to_owned(),
            (_, 1) => "u8".to_owned(),
            _ => format!("u{bits} big-endian"),
        };
        let hex = |value: u64| format!("0x{value:00$X}", 2 * size);
        let value = match (min, max) {
            (0, u64::MAX) => "any".to_owned(),
            _ if min == max => hex(min),
            _ => format!("{}..={}", hex(min), hex(max)),
        };
        rows.push(vec![offset.to_string(), size.to_string(), name.to_owned(), kind, value]);
    }
    rows
}

#[test]
fn the_specification_has_the_schemas_message_types() {
    let sizes = [Request::SIZE, Reply::SIZE, Done::SIZE, Results::SIZE];
    let types = [MessageType::Request, MessageType::Reply, MessageType::Done, MessageType::Results];
    for (row, (kind, size)) in table("MessageType")[1..].iter().zip(types.into_iter().zip(sizes)) {
        let name = format!("TEST_{}", kind.to_string().to_uppercase());
        assert_eq!([&row[0], &row[1], &row[3]], [&format!("0x{:02X}", kind as u8), &name, &size.to_string()]);
    }
    assert_eq!(table("MessageType").len(), 1 + types.len());
}

#[test]
fn the_specification_has_the_schemas_test_types() {
    for (row, test) in table("TestType")[1..].iter().zip(TestType::ALL) {
        let byte = Request { test }.encode()[2];
        let transport = if test.is_udp() { "UDP" } else { "TCP" };
        assert_eq!(row[..3], [&format!("0x{byte:02X}"), test.name(), transport]);
    }
    assert_eq!(table("TestType").len(), 1 + TestType::ALL.len());
}

/// The cells of one marked table, its heading first, without the rule below the heading.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = include_str!("../spec/protocol.md");
    let begin = format!("<!-- table: {name} -->");
    let (_, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin} in spec/protocol.md"));
    let (table, _) = rest.split_once("<!-- /table -->").unwrap();
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")).map(cells).collect()
}
