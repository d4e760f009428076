//! What the wrong bytes of a message look like: byte order, padding, number sizes, text.

use tester::protocol::message::MessageType;

use super::Cause;
use crate::diagnose::context::Context;
use crate::model::bytes::{Expected, Pattern};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::words::dialogue::{as_text, count_bytes, read};
use crate::words::message::{due, due_after, size};

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    match context.fault {
        Fault::PortSwapped { announced, open } => Some(port_swapped(*announced, *open)),
        Fault::PortZero => Some(Cause::new(
            "port-zero",
            "The test port in Reply is 0",
            "Port 0 only means \"choose one for me\" to bind(). Announce the real port: ask the data socket for it with \
             getsockname(), or announce any other number as long as Part 1 opens none.",
        )),
        Fault::WrongByte { expected, actual, .. } => wrong(context, expected, actual),
        Fault::SurplusBytes { expected, actual } => surplus(expected, actual),
        Fault::BytesMissing { expected, actual, .. } | Fault::EndedBeforeBytes { expected, actual, .. } => {
            short(expected, actual)
        }
        Fault::BytesBeforeClose { actual } | Fault::BytesInSilence { actual } => unasked(context, actual),
        _ => None,
    }
}

fn port_swapped(announced: u16, open: u16) -> Cause {
    let [low, high] = announced.to_be_bytes();
    Cause::new(
        "port-little-endian",
        format!(
            "The test port is sent low byte first (little-endian): {low:02x} {high:02x} instead of {high:02x} {low:02x}"
        ),
        format!(
            "Port {open} is open, and {announced} was announced. Numbers of more than one byte are big-endian: \
             struct.pack(\"!BBH\", 1, 2, port) in Python (the \"!\" matters), htons(port) once in C, to_be_bytes() in Rust."
        ),
    )
}

fn wrong(context: &Context<'_>, expected: &Pattern, actual: &[u8]) -> Option<Cause> {
    let due = due(expected)?;
    if let Some(text) = as_text(actual) {
        return Some(text_sent(&text));
    }
    if actual.starts_with(&[1, 0, 0, 0]) || actual.starts_with(&[0, 0, 0, 1]) {
        return Some(Cause::new(
            "fields-too-wide",
            format!("The fields of {due} are sent as 4-byte integers, not as single bytes"),
            "Version and type take one byte each: struct.pack(\"!BB...\") in Python, uint8_t in C. \"I\" and int have 4.",
        ));
    }
    if actual.len() >= 2 && actual[0] == due as u8 && actual[1] == 1 && due as u8 != 1 {
        return Some(Cause::new(
            "fields-swapped",
            format!("Version and message type of {due} are in the wrong order"),
            "The version comes first, then the message type.",
        ));
    }
    if due == MessageType::Results && actual.len() == 10 && actual.starts_with(&[1, 4]) {
        return count_wrong(expected, actual);
    }
    if due == MessageType::Request && actual.len() == 3 && actual.starts_with(&[1, 1]) {
        return Some(test_numbered_wrongly(context, expected, actual[2]));
    }
    let first = *actual.first()?;
    if let Some(cause) = message_before_too_long(due, actual) {
        return Some(cause);
    }
    if first != 1 {
        return Some(Cause::new(
            &format!("version-of-{due}"),
            format!("{due} does not begin with the protocol version 1, but with {first:#04x}"),
            "Every message begins with the byte 01. If the bytes look shifted, something was sent before the message, \
             or the one before it was too long.",
        ));
    }
    let kind = *actual.get(1)?;
    let named = MessageType::of(kind);
    if named.is_some_and(|other| read(other, actual).is_ok()) && named != Some(due) {
        return misplaced(context, due, named?, actual);
    }
    (kind != due as u8).then(|| type_wrong(due, kind))
}

/// The right message, behind a few bytes that belong to nothing.
fn message_before_too_long(due: MessageType, actual: &[u8]) -> Option<Cause> {
    let shift = (1..actual.len().min(8)).find(|shift| read(due, &actual[*shift..]).is_ok())?;
    let before = match due {
        MessageType::Done => MessageType::Request,
        MessageType::Results => MessageType::Reply,
        MessageType::Request | MessageType::Reply => return None,
    };
    let extra = &actual[..shift];
    Some(line_end(before, extra).unwrap_or_else(|| too_long(before, extra)))
}

fn misplaced(context: &Context<'_>, due: MessageType, came: MessageType, actual: &[u8]) -> Option<Cause> {
    match (due, came) {
        (MessageType::Results, MessageType::Reply) => Some(Cause::new(
            "reply-again",
            "A second Reply comes where Results are due",
            "Each message is answered once: Reply to Request, Results to Done. Look for a Reply that is sent twice.",
        )),
        (MessageType::Reply, MessageType::Results) => Some(Cause::new(
            "results-for-reply",
            "Results come where Reply is due",
            "Results belong behind a Done and nowhere else.",
        )),
        (MessageType::Done, MessageType::Request) => Some(Cause::new(
            "request-twice",
            "The Request is sent a second time",
            "Send it once, then read until the four bytes of Reply are there, however long that takes.",
        )),
        _ if context.role() == Role::Client || actual.len() <= 10 => Some(type_wrong(due, came as u8)),
        _ => None,
    }
}

fn type_wrong(due: MessageType, kind: u8) -> Cause {
    Cause::new(
        &format!("type-of-{due}"),
        format!("{due} is sent with message type {kind:#04x} instead of {:#04x}", due as u8),
        "The types are 1 Request, 2 Reply, 3 Done, 4 Results. Two of them have been taken for each other, or the \
         numbering does not begin with 1.",
    )
}

fn text_sent(text: &str) -> Cause {
    Cause::new(
        "text",
        format!("Text is sent (\"{text}\") where the protocol has bytes"),
        "Every field is binary: the number 1 is the byte 01, not the character \"1\" (31). Use struct.pack(\"!...\") in \
         Python; str(...).encode(), print to the socket and printf formats make text.",
    )
}

fn count_wrong(expected: &Pattern, actual: &[u8]) -> Option<Cause> {
    let wanted: Vec<u8> = (expected.bytes[2..].iter())
        .filter_map(|byte| match byte {
            Expected::Exactly(byte) => Some(*byte),
            _ => None,
        })
        .collect();
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let came = number(&actual[2..]);
    let mut reversed = wanted.clone();
    reversed.reverse();
    if wanted.len() == 8 && actual[2..] == reversed[..] && reversed != wanted {
        return Some(count_little_endian(came.swap_bytes()));
    }
    // A small count read from the wrong end is enormous.
    if came > u64::from(u32::MAX) && came.swap_bytes() <= u64::from(u32::MAX) {
        return Some(count_little_endian(came.swap_bytes()));
    }
    Some(Cause::new(
        "count-wrong",
        format!("Results count {came} datagrams where {} arrived", number(&wanted)),
        "The count is the number of UDP datagrams of this test that arrived; it is 0 for the TCP tests, and wherever \
         no data was sent. Set it back to 0 before each test.",
    ))
}

fn count_little_endian(count: u64) -> Cause {
    Cause::new(
        "count-little-endian",
        "The count in Results is sent low byte first (little-endian)",
        format!(
            "Read from the other end the count is {count}. Use network order: struct.pack(\"!BBQ\", 1, 4, count) in Python \
             (the \"!\" matters), htobe64() in C, to_be_bytes() in Rust."
        ),
    )
}

fn test_numbered_wrongly(context: &Context<'_>, expected: &Pattern, sent: u8) -> Cause {
    let wanted = match expected.bytes.get(2) {
        Some(Expected::Exactly(wanted)) => format!("{wanted:02x}"),
        _ => "another".to_owned(),
    };
    match context.option("--test") {
        Some(test) => Cause::new(
            "test-numbered-wrongly",
            format!("The Request names another test than --test: {sent:02x} for {test}, which is {wanted}"),
            "1 is TCP_STREAM, 2 TCP_RR, 3 UDP_STREAM, 4 UDP_RR. Either the numbering differs, or --test does not reach \
             the Request.",
        ),
        None => Cause::new(
            "default-test",
            format!(
                "Without --test the Request asks for test type {sent:02x} instead of {wanted} (TCP_STREAM)"
            ),
            "Give the option the default TCP_STREAM, which is 1: the numbering does not begin with 0.",
        ),
    }
}

fn surplus(expected: &Pattern, actual: &[u8]) -> Option<Cause> {
    let due = due(expected)?;
    let extra = &actual[expected.bytes.len()..];
    if due == MessageType::Results && actual.len() == 16 && extra.len() == 6 {
        return Some(padded_results());
    }
    if let Some(cause) = line_end(due, extra) {
        return Some(cause);
    }
    if let Some((name, kind)) = message_at(extra) {
        let cause = match (due, kind) {
            (MessageType::Reply, MessageType::Results) => results_before_done(),
            (MessageType::Request, MessageType::Done) => done_before_reply(),
            (MessageType::Request, MessageType::Request) => Cause::new(
                "request-twice",
                "The Request is sent a second time",
                "Send it once, then read until the four bytes of Reply are there, however long that takes.",
            ),
            _ => Cause::new(
                "message-too-many",
                format!("Another message ({name}) follows {due} at once"),
                "Each message is sent once, and each in its turn: Request, Reply, Done, Results.",
            ),
        };
        return Some(cause);
    }
    Some(too_long(due, extra))
}

fn too_long(message: MessageType, extra: &[u8]) -> Cause {
    let zeros = if extra.iter().all(|byte| *byte == 0) { " What is too many is zeros." } else { "" };
    Cause::new(
        &format!("{message}-too-long"),
        format!("{message} is {} too long", count_bytes(extra.len())),
        format!(
            "Send exactly the bytes of the message.{zeros} Look at how it is packed: a terminating zero, a field that is too \
             wide, a struct that is rounded up, the packing of another message."
        ),
    )
}

fn padded_results() -> Cause {
    Cause::new(
        "results-padded",
        "Results are 16 bytes long: the struct has the machine's own alignment, with 6 bytes of padding",
        "The 8-byte count was moved to offset 8. Pack without padding: struct.pack(\"!BBQ\", 1, 4, count) in Python (the \
         \"!\" matters), in C #pragma pack(1) or one byte after the other, and 10 as the length of send().",
    )
}

fn line_end(due: MessageType, extra: &[u8]) -> Option<Cause> {
    matches!(extra, b"\n" | b"\r\n" | b"\r").then(|| {
        Cause::new(
            "line-end",
            format!("A line end is sent behind {due}"),
            "Messages have a fixed length and nothing ends them: send the bytes alone, without \"\\n\" (println, print to \
             a file object and puts add one).",
        )
    })
}

fn message_at(bytes: &[u8]) -> Option<(String, MessageType)> {
    let kind = MessageType::of(*bytes.get(1)?)?;
    read(kind, bytes).ok().map(|(name, _)| (name, kind))
}

pub(super) fn results_before_done() -> Cause {
    Cause::new(
        "results-before-done",
        "Results are sent before Done has come",
        "The client says when the test is over. Send Results only when the two bytes of Done have arrived, whatever the \
         server's own data thread does.",
    )
}

pub(super) fn done_before_reply() -> Cause {
    Cause::new(
        "done-before-reply",
        "Done is sent before Reply has come",
        "Wait for the four bytes of Reply, run the test for --time seconds, and send Done only then.",
    )
}

/// A number that is too small: the message ends too early.
fn short(expected: &Pattern, actual: &[u8]) -> Option<Cause> {
    let (due, begins) = due_after(expected, actual.len())?;
    match (due, &actual[begins..]) {
        (_, []) => None,
        (_, bytes) if as_text(bytes).is_some() => as_text(bytes).map(|text| text_sent(&text)),
        (MessageType::Results, bytes) if matches!(bytes.len(), 6 | 8) => Some(Cause::new(
            "count-32-bits",
            format!(
                "The count in Results has 4 bytes instead of 8: the message is {} bytes long",
                bytes.len()
            ),
            "The count has 8 bytes: \"Q\" in struct.pack(\"!BBQ\", ...), uint64_t in C, u64 in Rust. \"I\", \"L\" and int \
             have 4 bytes.",
        )),
        (due, bytes) => Some(Cause::new(
            &format!("{due}-too-short"),
            format!("{due} is too short: {} of {} bytes", bytes.len(), size(due)),
            "Send the whole message: look for a field that is left out or too narrow, and use sendall() rather than send().",
        )),
    }
}

/// Bytes where there should have been none.
fn unasked(context: &Context<'_>, actual: &[u8]) -> Option<Cause> {
    let before = context.connection.received_bytes();
    let before = &before[..before.len().saturating_sub(actual.len())];
    // What follows a message at once belongs to it.
    if let Some((_, kind)) = last_message(before)
        && let Some(cause) = line_end(kind, actual)
    {
        return Some(cause);
    }
    let silent_client = context.connection.sent.is_empty();
    match as_text(actual) {
        Some(text) if context.role() == Role::Server => Some(Cause::new(
            "text-for-client",
            format!(
                "A text is sent to the client (\"{}\"), and the protocol has no such message",
                shortened(&text)
            ),
            match silent_client {
                true => {
                    "There is no greeting: the server says nothing before a Request. Print such lines locally."
                }
                false => {
                    "When something is wrong the server closes the connection without a word. Print the reason locally."
                }
            },
        )),
        _ => None,
    }
}

fn last_message(bytes: &[u8]) -> Option<(String, MessageType)> {
    [10, 4, 3, 2]
        .into_iter()
        .filter(|size| bytes.len() >= *size)
        .find_map(|size| message_at(&bytes[bytes.len() - size..]).filter(|_| bytes[bytes.len() - size] == 1))
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
