//! One side of a control connection, told in the words of the protocol: "Request TCP_STREAM", "1 of 3
//! bytes of a Request", "a Request of version 2 (invalid)". For the ladder and for the recognition of causes.

use std::ops::Range;

use tester::protocol::fault::Fault;
use tester::protocol::message::{Done, Field, Message, MessageType, Reply, Request, Results};

/// Who speaks on a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// It asks.
    Client,
    /// It answers.
    Server,
}

impl Speaker {
    fn dues(self) -> [MessageType; 2] {
        match self {
            Self::Client => [MessageType::Request, MessageType::Done],
            Self::Server => [MessageType::Reply, MessageType::Results],
        }
    }
}

/// The next bytes of a speech, named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What they are, in the words of the protocol.
    pub words: String,
    /// The same bytes cut into fields, in their order and without a gap.
    pub parts: Vec<Part>,
}

/// Bytes of a speech that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field that they are, or are a piece of; nothing for what is no message.
    pub field: Option<&'static str>,
    /// How many bytes.
    pub length: usize,
}

/// What one speaker has said on one connection so far.
#[derive(Clone, Debug)]
pub struct Speech {
    due: Vec<MessageType>,
    pending: Vec<u8>,
    unreadable: bool,
}

impl Speech {
    /// Nothing said yet.
    pub fn of(speaker: Speaker) -> Self {
        let mut due = speaker.dues().to_vec();
        due.reverse();
        Self { due, pending: Vec::new(), unreadable: false }
    }

    /// Names the next bytes of the speech; `length` counts also those that were not kept.
    pub fn name(&mut self, bytes: &[u8], length: usize) -> String {
        self.name_fields(bytes, length).words
    }

    /// Names the next bytes of the speech and their fields; `length` counts also those that were not kept.
    pub fn name_fields(&mut self, bytes: &[u8], length: usize) -> Named {
        if self.unreadable {
            let words = format!("{} more", count_bytes(length));
            return Named { words, parts: cut(&[], 0..bytes.len()) };
        }
        let resumed = !self.pending.is_empty();
        // Where in the message that is being heard the new bytes begin.
        let mut begin = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let (mut said, mut parts) = (Vec::new(), Vec::new());
        while !self.pending.is_empty() {
            let whole = self.pending.len();
            let Some(&due) = self.due.last() else {
                self.unreadable = true;
                said.push(surplus(&self.pending, whole + length - bytes.len()));
                parts.extend(cut(&[], begin..whole));
                break;
            };
            match read(due, &self.pending) {
                Ok((name, size)) => {
                    parts.extend(cut(fields(due), begin..size));
                    begin = 0;
                    self.pending.drain(..size);
                    self.due.pop();
                    said.push(name);
                }
                Err(Fault::Truncated { got, size, .. }) => {
                    parts.extend(cut(fields(due), begin..whole));
                    said.push(format!("{got} of the {size} bytes of {}", with_article(due)));
                    break;
                }
                Err(fault) => {
                    self.unreadable = true;
                    parts.extend(cut(fields_of_invalid(due, &fault, &self.pending), begin..whole));
                    said.push(invalid(due, &fault, &self.pending, length));
                    break;
                }
            }
        }
        let said = said.join(" + ");
        let words = if resumed { format!("{said} (with what came before)") } else { said };
        Named { words, parts }
    }
}

/// The fields of a message, in the order of its bytes.
pub fn fields(kind: MessageType) -> &'static [Field] {
    match kind {
        MessageType::Request => Request::FIELDS,
        MessageType::Reply => Reply::FIELDS,
        MessageType::Done => Done::FIELDS,
        MessageType::Results => Results::FIELDS,
    }
}

/// The fields that an invalid message is best read by: none where it is no message at all.
fn fields_of_invalid(due: MessageType, fault: &Fault, bytes: &[u8]) -> &'static [Field] {
    match fault {
        _ if foreign_text(bytes).is_some() => &[],
        Fault::NotDue { got, .. } => fields(*got),
        // Bytes that agree neither in the version nor in the type have nothing of the message.
        Fault::NotAllowed { field, .. }
            if field.offset == 0 && bytes.get(1).is_some_and(|kind| *kind != due as u8) =>
        {
            &[]
        }
        _ => fields(due),
    }
}

/// Cuts the bytes at `range` of a message at the borders of its fields; what lies behind them is one part.
fn cut(fields: &[Field], range: Range<usize>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = range.start;
    for field in fields {
        let end = (field.offset + field.size).min(range.end);
        if at < end {
            parts.push(Part { field: Some(field.name), length: end - at });
            at = end;
        }
    }
    if at < range.end {
        parts.push(Part { field: None, length: range.end - at });
    }
    parts
}

/// Reads the message at the start of `bytes`: its name with its value, and how many bytes it takes.
pub fn read(kind: MessageType, bytes: &[u8]) -> Result<(String, usize), Fault> {
    Ok(match kind {
        MessageType::Request => {
            (format!("Request {}", Request::decode_first(bytes)?.test.name()), Request::SIZE)
        }
        MessageType::Reply => (format!("Reply, port {}", Reply::decode_first(bytes)?.test_port), Reply::SIZE),
        MessageType::Done => {
            Done::decode_first(bytes)?;
            ("Done".to_owned(), Done::SIZE)
        }
        MessageType::Results => {
            let count = Results::decode_first(bytes)?.udp_packets_received;
            (format!("Results, {count} datagram{}", if count == 1 { "" } else { "s" }), Results::SIZE)
        }
    })
}

/// "a Request", "a Reply", "a Done", "a Results".
pub fn with_article(kind: MessageType) -> String {
    format!("a {kind}")
}

/// Text that a terminal can show, where all of `bytes` is such text.
pub fn as_text(bytes: &[u8]) -> Option<String> {
    let printable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
    let some_letter = bytes.iter().any(u8::is_ascii_graphic);
    (some_letter && bytes.iter().all(printable)).then(|| bytes.escape_ascii().to_string())
}

/// "1 byte", "16 bytes".
pub fn count_bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

fn surplus(bytes: &[u8], length: usize) -> String {
    match bytes {
        b"\n" | b"\r\n" => "a line end too many".to_owned(),
        _ => format!("{} too many", count_bytes(length)),
    }
}

/// How many bytes of a text are shown.
const TEXT_SHOWN: usize = 24;

/// The beginning of bytes that are text, and so no message.
fn foreign_text(bytes: &[u8]) -> Option<String> {
    as_text(&bytes[..bytes.len().min(TEXT_SHOWN)]).filter(|_| bytes.len() > 2)
}

fn invalid(due: MessageType, fault: &Fault, bytes: &[u8], length: usize) -> String {
    if let Some(text) = foreign_text(bytes) {
        let more = if length > TEXT_SHOWN { "..." } else { "" };
        return format!("text: \"{text}\"{more} (invalid)");
    }
    match fault {
        Fault::NotDue { got, .. } => {
            let name = read(*got, bytes).map_or_else(|_| with_article(*got), |(name, _)| name);
            format!("{name} where {} is due", with_article(due))
        }
        Fault::NotAllowed { field, value, .. } => match field.name {
            "version" if bytes.len() > 1 && bytes[1] == due as u8 => {
                format!("{} of version {value} (invalid)", with_article(due))
            }
            "version" => format!("bytes that are no {due} (invalid)"),
            "message_type" => format!("a message of type {value} (invalid)"),
            "test_type" => format!("a Request for test type {value} (invalid)"),
            "test_port" => format!("{} with port {value} (invalid)", with_article(due)),
            _ => format!("bytes that are no {due} (invalid)"),
        },
        Fault::Truncated { .. } | Fault::Trailing { .. } => format!("bytes that are no {due} (invalid)"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole(Speaker::Client, &["010103"], &["Request UDP_STREAM"])]
    #[case::cut(Speaker::Client, &["01", "0102"],
        &["1 of the 3 bytes of a Request", "Request TCP_RR (with what came before)"])]
    #[case::together(Speaker::Client, &["0101010103"], &["Request TCP_STREAM + Done"])]
    #[case::surplus(Speaker::Client, &["010101", "010300"], &["Request TCP_STREAM", "Done + 1 byte too many"])]
    #[case::version(Speaker::Client, &["020101"], &["a Request of version 2 (invalid)"])]
    #[case::kind(Speaker::Client, &["010901"], &["a message of type 9 (invalid)"])]
    #[case::test(Speaker::Client, &["010105"], &["a Request for test type 5 (invalid)"])]
    #[case::turn(Speaker::Client, &["010101", "010102"],
        &["Request TCP_STREAM", "Request TCP_RR where a Done is due"])]
    #[case::text(Speaker::Client, &["474554202f", "ff"], &["text: \"GET /\" (invalid)", "1 byte more"])]
    #[case::foreign(Speaker::Client, &["160301"], &["bytes that are no Request (invalid)"])]
    #[case::replies(Speaker::Server, &["01029cbb", "01040000000000000001"],
        &["Reply, port 40123", "Results, 1 datagram"])]
    #[case::port_zero(Speaker::Server, &["01020000"], &["a Reply with port 0 (invalid)"])]
    #[case::newline(Speaker::Server, &["01029cbb", "010400000000000000000a"],
        &["Reply, port 40123", "Results, 0 datagrams + a line end too many"])]
    fn speech_is_named(#[case] speaker: Speaker, #[case] said: &[&str], #[case] named: &[&str]) {
        let mut speech = Speech::of(speaker);
        let heard: Vec<_> = said
            .iter()
            .map(|bytes| {
                let bytes = hex::decode(bytes).unwrap();
                speech.name(&bytes, bytes.len())
            })
            .collect();
        assert_eq!(heard, named);
    }

    #[rstest]
    #[case::whole(Speaker::Server, &["01029cbb"], "version:1 message_type:1 test_port:2")]
    #[case::resumed(Speaker::Server, &["01029c", "bb0104"], "test_port:1 version:1 message_type:1")]
    #[case::padded(Speaker::Server, &["01029cbb", "010400000000000000000000"],
        "version:1 message_type:1 udp_packets_received:8 -:2")]
    #[case::version(Speaker::Client, &["020101"], "version:1 message_type:1 test_type:1")]
    #[case::turn(Speaker::Client, &["0103"], "version:1 message_type:1")]
    #[case::text(Speaker::Client, &["474554202f"], "-:5")]
    #[case::foreign(Speaker::Client, &["160301"], "-:3")]
    #[case::more(Speaker::Client, &["160301", "0000"], "-:2")]
    fn bytes_stand_under_their_fields(#[case] speaker: Speaker, #[case] said: &[&str], #[case] parts: &str) {
        let mut speech = Speech::of(speaker);
        let said: Vec<_> = said.iter().map(|bytes| hex::decode(bytes).unwrap()).collect();
        let heard: Vec<_> = said.iter().map(|bytes| speech.name_fields(bytes, bytes.len()).parts).collect();
        for (bytes, parts) in said.iter().zip(&heard) {
            assert_eq!(bytes.len(), parts.iter().map(|part| part.length).sum::<usize>());
        }
        let told = |part: &Part| format!("{}:{}", part.field.unwrap_or("-"), part.length);
        assert_eq!(heard.last().unwrap().iter().map(told).collect::<Vec<_>>().join(" "), parts);
    }

    #[rstest]
    #[case(b"hello\r\n", Some("hello\\r\\n"))]
    #[case(b"\n", None)]
    #[case(b"\x01\x02", None)]
    #[case(b"", None)]
    fn text_is_told_from_bytes(#[case] bytes: &[u8], #[case] text: Option<&str>) {
        assert_eq!(as_text(bytes).as_deref(), text);
    }
}
