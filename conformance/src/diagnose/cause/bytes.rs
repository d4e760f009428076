//! Wrong bytes in a message: byte order, padding, sizes of numbers, text.

use tester::protocol::message::MessageType;

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::bytes::{Expected, Pattern};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::words::dialogue::{as_text, count_bytes, read, shortened};
use crate::words::message::{due, due_after, size};

/// How many letters of a text are shown.
const SHOWN: usize = 40;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    match context.fault {
        Fault::PortSwapped { announced, open } => {
            let [low, high] = announced.to_be_bytes().map(|byte| format!("{byte:02x}"));
            let swapped = seen("port-little-endian").with("low", low).with("high", high);
            Some(swapped.with("announced", announced).with("open", open))
        }
        Fault::PortZero => Some(seen("port-zero")),
        Fault::WrongByte { expected, actual, .. } => wrong(context, expected, actual),
        Fault::SurplusBytes { expected, actual } => surplus(expected, actual),
        Fault::BytesMissing { expected, actual, .. } | Fault::EndedBeforeBytes { expected, actual, .. } => {
            short(expected, actual)
        }
        Fault::BytesBeforeClose { actual } | Fault::BytesInSilence { actual } => unasked(context, actual),
        _ => None,
    }
}

fn wrong(context: &Context<'_>, expected: &Pattern, actual: &[u8]) -> Option<Seen> {
    let due = due(expected)?;
    if let Some(text) = as_text(actual) {
        return Some(seen("text").with("text", text));
    }
    if actual.starts_with(&[1, 0, 0, 0]) || actual.starts_with(&[0, 0, 0, 1]) {
        return Some(seen("fields-too-wide").with("message", due));
    }
    if actual.len() >= 2 && actual[0] == due as u8 && actual[1] == 1 && due as u8 != 1 {
        return Some(seen("fields-swapped").with("message", due));
    }
    if due == MessageType::Results && actual.len() == 10 && actual.starts_with(&[1, 4]) {
        return Some(count_wrong(expected, actual));
    }
    if due == MessageType::Request && actual.len() == 3 && actual.starts_with(&[1, 1]) {
        return Some(test_numbered_wrongly(context, expected, actual[2]));
    }
    let first = *actual.first()?;
    if let Some(cause) = message_before_too_long(due, actual) {
        return Some(cause);
    }
    if first != 1 {
        return Some(
            seen("version-of-{message}").with("message", due).with("version", format!("{first:#04x}")),
        );
    }
    let kind = *actual.get(1)?;
    let named = MessageType::of(kind);
    if named.is_some_and(|other| read(other, actual).is_ok()) && named != Some(due) {
        return misplaced(context, due, named?, actual);
    }
    (kind != due as u8).then(|| type_wrong(due, kind))
}

/// The right message after a few extra bytes.
fn message_before_too_long(due: MessageType, actual: &[u8]) -> Option<Seen> {
    let shift = (1..actual.len().min(8)).find(|shift| read(due, &actual[*shift..]).is_ok())?;
    let before = match due {
        MessageType::Done => MessageType::Request,
        MessageType::Results => MessageType::Reply,
        MessageType::Request | MessageType::Reply => return None,
    };
    let extra = &actual[..shift];
    Some(line_end(before, extra).unwrap_or_else(|| too_long(before, extra)))
}

fn misplaced(context: &Context<'_>, due: MessageType, came: MessageType, actual: &[u8]) -> Option<Seen> {
    match (due, came) {
        (MessageType::Results, MessageType::Reply) => Some(seen("reply-again")),
        (MessageType::Reply, MessageType::Results) => Some(seen("results-for-reply")),
        (MessageType::Done, MessageType::Request) => Some(seen("request-twice")),
        _ if context.role() == Role::Client || actual.len() <= 10 => Some(type_wrong(due, came as u8)),
        _ => None,
    }
}

fn type_wrong(due: MessageType, kind: u8) -> Seen {
    let [sent, right] = [kind, due as u8].map(|kind| format!("{kind:#04x}"));
    seen("type-of-{message}").with("message", due).with("sent", sent).with("right", right)
}

fn count_wrong(expected: &Pattern, actual: &[u8]) -> Seen {
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
    // A small count in the wrong byte order is a very large number.
    let reordered = came > u64::from(u32::MAX) && came.swap_bytes() <= u64::from(u32::MAX);
    if reordered || (wanted.len() == 8 && actual[2..] == reversed[..] && reversed != wanted) {
        return seen("count-little-endian").with("count", came.swap_bytes());
    }
    seen("count-wrong").with("told", came).with("arrived", number(&wanted))
}

fn test_numbered_wrongly(context: &Context<'_>, expected: &Pattern, sent: u8) -> Seen {
    let wanted = match expected.bytes.get(2) {
        Some(Expected::Exactly(wanted)) => format!("{wanted:02x}"),
        _ => "another".to_owned(),
    };
    let sent = format!("{sent:02x}");
    match context.option("--test") {
        Some(test) => {
            seen("test-numbered-wrongly").with("sent", sent).with("test", test).with("wanted", wanted)
        }
        None => seen("default-test").with("sent", sent).with("wanted", wanted),
    }
}

fn surplus(expected: &Pattern, actual: &[u8]) -> Option<Seen> {
    let due = due(expected)?;
    let extra = &actual[expected.bytes.len()..];
    if due == MessageType::Results && actual.len() == 16 && extra.len() == 6 {
        return Some(seen("results-padded"));
    }
    if let Some(cause) = line_end(due, extra) {
        return Some(cause);
    }
    if let Some((name, kind)) = message_at(extra) {
        let cause = match (due, kind) {
            (MessageType::Reply, MessageType::Results) => seen("results-before-done"),
            (MessageType::Request, MessageType::Done) => seen("done-before-reply"),
            (MessageType::Request, MessageType::Request) => seen("request-twice"),
            _ => seen("message-too-many").with("name", name).with("message", due),
        };
        return Some(cause);
    }
    Some(too_long(due, extra))
}

fn too_long(message: MessageType, extra: &[u8]) -> Seen {
    let count = count_bytes(extra.len());
    match extra.iter().all(|byte| *byte == 0) {
        true => seen("{message}-too-long/zeros").with("message", message).with("extra", count),
        false => seen("{message}-too-long").with("message", message).with("extra", count),
    }
}

fn line_end(due: MessageType, extra: &[u8]) -> Option<Seen> {
    matches!(extra, b"\n" | b"\r\n" | b"\r").then(|| seen("line-end").with("message", due))
}

fn message_at(bytes: &[u8]) -> Option<(String, MessageType)> {
    let kind = MessageType::of(*bytes.get(1)?)?;
    read(kind, bytes).ok().map(|(name, _)| (name, kind))
}

/// The message ends too early.
fn short(expected: &Pattern, actual: &[u8]) -> Option<Seen> {
    let (due, begins) = due_after(expected, actual.len())?;
    match (due, &actual[begins..]) {
        (_, []) => None,
        (_, bytes) if as_text(bytes).is_some() => as_text(bytes).map(|text| seen("text").with("text", text)),
        (MessageType::Results, bytes) if matches!(bytes.len(), 6 | 8) => {
            Some(seen("count-32-bits").with("came", bytes.len()))
        }
        (due, bytes) => Some(
            seen("{message}-too-short")
                .with("message", due)
                .with("came", bytes.len())
                .with("size", size(due)),
        ),
    }
}

/// Bytes where none are due.
fn unasked(context: &Context<'_>, actual: &[u8]) -> Option<Seen> {
    let before = context.connection.received_bytes();
    let before = &before[..before.len().saturating_sub(actual.len())];
    // A line end after a message belongs to it.
    if let Some((_, kind)) = last_message(before)
        && let Some(cause) = line_end(kind, actual)
    {
        return Some(cause);
    }
    // One or two printable bytes are no text.
    const SHORTEST: usize = 3;
    let is_text = context.role() == Role::Server && actual.len() >= SHORTEST;
    let text = as_text(actual).filter(|_| is_text)?;
    Some(match context.connection.sent.is_empty() {
        true => seen("text-for-client/greeting").with("text", shortened(&text, SHOWN)),
        false => seen("text-for-client/reason").with("text", shortened(&text, SHOWN)),
    })
}

fn last_message(bytes: &[u8]) -> Option<(String, MessageType)> {
    [10, 4, 3, 2]
        .into_iter()
        .filter(|size| bytes.len() >= *size)
        .find_map(|size| message_at(&bytes[bytes.len() - size..]).filter(|_| bytes[bytes.len() - size] == 1))
}
