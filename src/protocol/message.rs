//! The four messages of the control protocol, declared once, for the state machines and for anyone who names fields.
//!
//! Every message is a fixed number of bytes without padding, every multi-byte integer is big-endian ("network order"),
//! and every message opens with the protocol version and its own type (P3, "Communication Protocol").

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use deku::no_std_io::Cursor;
use deku::prelude::*;
use deku::reader::Reader;

use super::fault::Fault;
pub use super::field::{Field, MessageType};

/// The protocol version that every message carries in byte 0 (P3, "Communication Protocol").
pub const VERSION: u8 = 1;

/// Client to server, 3 bytes: asks for a test (P3, "Test Request").
#[derive(Debug, Clone, Copy, PartialEq, Eq, DekuRead, DekuWrite)]
#[deku(magic = b"\x01\x01", endian = "big")]
pub struct Request {
    /// Byte 2: which of the four tests.
    pub test: TestType,
}

/// Server to client, 4 bytes: the test may begin (P3, "Test Reply").
#[derive(Debug, Clone, Copy, PartialEq, Eq, DekuRead, DekuWrite)]
#[deku(magic = b"\x01\x02", endian = "big")]
pub struct Reply {
    /// Bytes 2 and 3, big-endian: the port for the test data, never 0; TCP for the TCP tests and UDP for the UDP tests.
    pub test_port: NonZeroU16,
}

/// Client to server, 2 bytes: the test is over (P3, "Test Done").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, DekuRead, DekuWrite)]
#[deku(magic = b"\x01\x03", endian = "big")]
pub struct Done;

/// Server to client, 10 bytes: what arrived (P3, "Test Results").
#[derive(Debug, Clone, Copy, PartialEq, Eq, DekuRead, DekuWrite)]
#[deku(magic = b"\x01\x04", endian = "big")]
pub struct Results {
    /// Bytes 2 to 9, big-endian: UDP datagrams that the server received in this test; 0 for a TCP test.
    pub udp_packets_received: u64,
}

/// Byte 2 of a Request: what is measured (P3, "Test Request"; S, the slides of each test).
#[derive(Debug, Clone, Copy, PartialEq, Eq, DekuRead, DekuWrite)]
#[deku(id_type = "u8", endian = "endian", ctx = "endian: deku::ctx::Endian")]
pub enum TestType {
    /// The client sends TCP data without pause.
    #[deku(id = 1)]
    TcpStream,
    /// One byte each way over TCP, again and again.
    #[deku(id = 2)]
    TcpRr,
    /// The client sends UDP datagrams without pause.
    #[deku(id = 3)]
    UdpStream,
    /// One byte each way over UDP, again and again.
    #[deku(id = 4)]
    UdpRr,
}

/// What the four messages have in common.
pub trait Message: Sized + DekuWriter<()> + for<'a> DekuReader<'a, ()> {
    /// Byte 1.
    const TYPE: MessageType;
    /// The fields in wire order, without gaps.
    const FIELDS: &'static [Field];

    /// The whole message, in bytes.
    const SIZE: usize = {
        let last = Self::FIELDS[Self::FIELDS.len() - 1];
        last.offset + last.size
    };

    /// Reads exactly one message from exactly its bytes.
    ///
    /// # Errors
    /// [`Fault::NotAllowed`] or [`Fault::NotDue`] at the first wrong byte, else [`Fault::Truncated`] or
    /// [`Fault::Trailing`] where the length is wrong.
    fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        match (Self::decode_first(bytes)?, bytes.get(Self::SIZE)) {
            (message, None) => Ok(message),
            (_, Some(&first)) => {
                Err(Fault::Trailing { message: Self::TYPE, extra: bytes.len() - Self::SIZE, first })
            }
        }
    }

    /// Reads the message at the start of `bytes`, whatever follows it.
    ///
    /// # Errors
    /// As [`Message::decode`], but never [`Fault::Trailing`]. A wrong byte is named even if the message is not
    /// complete yet.
    fn decode_first(bytes: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        let mut reader = Reader::new(&mut cursor);
        match Self::from_reader_with_ctx(&mut reader, ()) {
            Ok(message) => Ok(message),
            Err(DekuError::Incomplete(_)) => {
                Err(Fault::Truncated { message: Self::TYPE, got: bytes.len(), size: Self::SIZE })
            }
            // The schema refuses a field as soon as it has read it: the field that was read last is the wrong one.
            Err(_) => {
                let wrong = (reader.bits_read / 8).saturating_sub(1);
                Err(Fault::within(Self::TYPE, Self::FIELDS, bytes, wrong))
            }
        }
    }

    /// The message as it goes on the wire, [`Message::SIZE`] bytes.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::with_capacity(Self::SIZE));
        let written = self.to_writer(&mut Writer::new(&mut bytes), ());
        // Every field is some whole bytes, and the target grows: no write can fail.
        debug_assert_eq!(written, Ok(()));
        bytes.into_inner()
    }
}

const fn header(kind: MessageType) -> [Field; 2] {
    let (version, kind) = (VERSION as u64, kind as u64);
    [
        Field { offset: 0, size: 1, name: "version", min: version, max: version },
        Field { offset: 1, size: 1, name: "message_type", min: kind, max: kind },
    ]
}

impl Message for Request {
    const TYPE: MessageType = MessageType::Request;
    const FIELDS: &'static [Field] = &{
        let [version, kind] = header(Self::TYPE);
        [version, kind, Field { offset: 2, size: 1, name: "test_type", min: 1, max: 4 }]
    };
}

impl Message for Reply {
    const TYPE: MessageType = MessageType::Reply;
    const FIELDS: &'static [Field] = &{
        let [version, kind] = header(Self::TYPE);
        [version, kind, Field { offset: 2, size: 2, name: "test_port", min: 1, max: u16::MAX as u64 }]
    };
}

impl Message for Done {
    const TYPE: MessageType = MessageType::Done;
    const FIELDS: &'static [Field] = &header(Self::TYPE);
}

impl Message for Results {
    const TYPE: MessageType = MessageType::Results;
    const FIELDS: &'static [Field] = &{
        let [version, kind] = header(Self::TYPE);
        [version, kind, Field { offset: 2, size: 8, name: "udp_packets_received", min: 0, max: u64::MAX }]
    };
}

impl TestType {
    /// All four, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::TcpStream, Self::TcpRr, Self::UdpStream, Self::UdpRr];

    /// The name that the command line takes and the documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpStream => "TCP_STREAM",
            Self::TcpRr => "TCP_RR",
            Self::UdpStream => "UDP_STREAM",
            Self::UdpRr => "UDP_RR",
        }
    }

    /// Whether the test data goes over UDP, so that Results counts it.
    #[must_use]
    pub const fn is_udp(self) -> bool {
        matches!(self, Self::UdpStream | Self::UdpRr)
    }
}

impl fmt::Display for TestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is none of the four tests'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no test is called {0:?}")]
pub struct UnknownTest(String);

impl FromStr for TestType {
    type Err = UnknownTest;

    fn from_str(name: &str) -> Result<Self, UnknownTest> {
        Self::ALL.into_iter().find(|test| test.name() == name).ok_or_else(|| UnknownTest(name.to_owned()))
    }
}
