//! What one end of a control connection sends, in words: "Request TCP_STREAM", "1 of the 3 bytes of a Request", "a
//! Request of version 2 (invalid)". For the ladder, for the sentences about steps, and for `diagnose`.

use std::ops::Range;

use tester::protocol::fault::Fault;
use tester::protocol::message::{Done, Field, Message, MessageType, Reply, Request, Results};

/// One of the two ends of a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Sends Request and Done.
    Client,
    /// Sends Reply and Results.
    Server,
}

impl Peer {
    fn messages(self) -> [MessageType; 2] {
        match self {
            Self::Client => [MessageType::Request, MessageType::Done],
            Self::Server => [MessageType::Reply, MessageType::Results],
        }
    }
}

/// Bytes in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBytes {
    /// What they are.
    pub words: String,
    /// The fields of the same bytes, in their order and without a gap.
    pub parts: Vec<Part>,
}

/// Bytes that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field, which may be incomplete; `None` if the bytes are no message.
    pub field: Option<&'static str>,
    /// How many bytes.
    pub length: usize,
}

/// Puts the bytes that one end of a connection sends into words, piece by piece.
#[derive(Clone, Debug)]
pub struct MessageReader {
    /// The messages that are due, the next one last.
    due: Vec<MessageType>,
    /// The beginning of a message that is not complete.
    pending: Vec<u8>,
    unreadable: bool,
}

impl MessageReader {
    /// Before the first byte.
    pub fn of(peer: Peer) -> Self {
        let mut due = peer.messages().to_vec();
        due.reverse();
        Self { due, pending: Vec::new(), unreadable: false }
    }

    /// The next bytes in words. `length` also counts bytes that were not kept.
    pub fn name(&mut self, bytes: &[u8], length: usize) -> String {
        self.name_fields(bytes, length).words
    }

    /// The next bytes in words, with their fields. `length` also counts bytes that were not kept.
    pub fn name_fields(&mut self, bytes: &[u8], length: usize) -> NamedBytes {
        if self.unreadable {
            let words = format!("{} more", count_bytes(length));
            return NamedBytes { words, parts: cut(&[], 0..bytes.len()) };
        }
        let resumed = !self.pending.is_empty();
        // Where the new bytes begin in the message.
        let mut begin = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let (mut names, mut parts) = (Vec::new(), Vec::new());
        while !self.pending.is_empty() {
            let whole = self.pending.len();
            let Some(&due) = self.due.last() else {
                self.unreadable = true;
                names.push(surplus(&self.pending, whole + length - bytes.len()));
                parts.extend(cut(&[], begin..whole));
                break;
            };
            match read(due, &self.pending) {
                Ok((name, size)) => {
                    parts.extend(cut(fields(due), begin..size));
                    begin = 0;
                    self.pending.drain(..size);
                    self.due.pop();
                    names.push(name);
                }
                Err(Fault::Truncated { got, size, .. }) => {
                    parts.extend(cut(fields(due), begin..whole));
                    names.push(format!("{got} of the {size} bytes of {}", with_article(due)));
                    break;
                }
                Err(fault) => {
                    self.unreadable = true;
                    parts.extend(cut(fields_of_invalid(due, &fault, &self.pending), begin..whole));
                    names.push(invalid(due, &fault, &self.pending, length));
                    break;
                }
            }
        }
        let names = names.join(" + ");
        let words = if resumed { format!("{names} (with what came before)") } else { names };
        NamedBytes { words, parts }
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

/// The fields that fit an invalid message best; none if it is no message at all.
fn fields_of_invalid(due: MessageType, fault: &Fault, bytes: &[u8]) -> &'static [Field] {
    match fault {
        _ if foreign_text(bytes).is_some() => &[],
        Fault::NotDue { got, .. } => fields(*got),
        // If neither the version nor the type is right, the bytes are not this message.
        Fault::NotAllowed { field, .. }
            if field.offset == 0 && bytes.get(1).is_some_and(|kind| *kind != due as u8) =>
        {
            &[]
        }
        _ => fields(due),
    }
}

/// Splits the bytes at `range` of a message into its fields. The bytes after the last field are one part.
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

/// Reads the message at the start of `bytes`: its name with its value, and its length.
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

/// A text of so many letters at most. A longer one is cut, which three dots show.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The bytes as text, if a terminal can show all of them.
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

/// The beginning of the bytes, if they are text and so no message.
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
    #[case::whole(Peer::Client, &["010103"], &["Request UDP_STREAM"])]
    #[case::cut(Peer::Client, &["01", "0102"],
        &["1 of the 3 bytes of a Request", "Request TCP_RR (with what came before)"])]
    #[case::together(Peer::Client, &["0101010103"], &["Request TCP_STREAM + Done"])]
    #[case::surplus(Peer::Client, &["010101", "010300"], &["Request TCP_STREAM", "Done + 1 byte too many"])]
    #[case::version(Peer::Client, &["020101"], &["a Request of version 2 (invalid)"])]
    #[case::kind(Peer::Client, &["010901"], &["a message of type 9 (invalid)"])]
    #[case::test(Peer::Client, &["010105"], &["a Request for test type 5 (invalid)"])]
    #[case::turn(Peer::Client, &["010101", "010102"],
        &["Request TCP_STREAM", "Request TCP_RR where a Done is due"])]
    #[case::text(Peer::Client, &["474554202f", "ff"], &["text: \"GET /\" (invalid)", "1 byte more"])]
    #[case::foreign(Peer::Client, &["160301"], &["bytes that are no Request (invalid)"])]
    #[case::replies(Peer::Server, &["01029cbb", "01040000000000000001"],
        &["Reply, port 40123", "Results, 1 datagram"])]
    #[case::port_zero(Peer::Server, &["01020000"], &["a Reply with port 0 (invalid)"])]
    #[case::newline(Peer::Server, &["01029cbb", "010400000000000000000a"],
        &["Reply, port 40123", "Results, 0 datagrams + a line end too many"])]
    fn messages_are_named(#[case] peer: Peer, #[case] sent: &[&str], #[case] named: &[&str]) {
        let mut reader = MessageReader::of(peer);
        let names: Vec<_> = sent
            .iter()
            .map(|bytes| {
                let bytes = hex::decode(bytes).unwrap();
                reader.name(&bytes, bytes.len())
            })
            .collect();
        assert_eq!(names, named);
    }

    #[rstest]
    #[case::whole(Peer::Server, &["01029cbb"], "version:1 message_type:1 test_port:2")]
    #[case::resumed(Peer::Server, &["01029c", "bb0104"], "test_port:1 version:1 message_type:1")]
    #[case::padded(Peer::Server, &["01029cbb", "010400000000000000000000"],
        "version:1 message_type:1 udp_packets_received:8 -:2")]
    #[case::version(Peer::Client, &["020101"], "version:1 message_type:1 test_type:1")]
    #[case::turn(Peer::Client, &["0103"], "version:1 message_type:1")]
    #[case::text(Peer::Client, &["474554202f"], "-:5")]
    #[case::foreign(Peer::Client, &["160301"], "-:3")]
    #[case::more(Peer::Client, &["160301", "0000"], "-:2")]
    fn bytes_are_split_into_fields(#[case] peer: Peer, #[case] sent: &[&str], #[case] parts: &str) {
        let mut reader = MessageReader::of(peer);
        let sent: Vec<_> = sent.iter().map(|bytes| hex::decode(bytes).unwrap()).collect();
        let found: Vec<_> = sent.iter().map(|bytes| reader.name_fields(bytes, bytes.len()).parts).collect();
        for (bytes, parts) in sent.iter().zip(&found) {
            assert_eq!(bytes.len(), parts.iter().map(|part| part.length).sum::<usize>());
        }
        let shown = |part: &Part| format!("{}:{}", part.field.unwrap_or("-"), part.length);
        assert_eq!(found.last().unwrap().iter().map(shown).collect::<Vec<_>>().join(" "), parts);
    }

    #[rstest]
    #[case(b"hello\r\n", Some("hello\\r\\n"))]
    #[case(b"\n", None)]
    #[case(b"\x01\x02", None)]
    #[case(b"", None)]
    fn text_is_not_taken_for_bytes(#[case] bytes: &[u8], #[case] text: Option<&str>) {
        assert_eq!(as_text(bytes).as_deref(), text);
    }
}
