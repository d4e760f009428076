//! The four messages, packed and checked by hand (P3, "Communication Protocol"). Serves the server and the client.
//!
//! ```text
//! Request   version type test                3 bytes, client to server
//! Reply     version type port(2)             4 bytes, server to client
//! Done      version type                     2 bytes, client to server
//! Results   version type datagrams(8)       10 bytes, server to client
//! ```
//! Integers are big-endian.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{crash, faults::fault};

pub(crate) const REQUEST_BYTES: usize = 3;
pub(crate) const REPLY_BYTES: usize = 4;
pub(crate) const DONE_BYTES: usize = 2;
pub(crate) const RESULTS_BYTES: usize = 10;

const VERSION: u8 = 1;
const TEST_REQUEST: u8 = 1;
const TEST_REPLY: u8 = 2;
const TEST_DONE: u8 = 3;
const TEST_RESULTS: u8 = 4;

/// The names on the command line and the values on the wire.
pub(crate) const TESTS: [(&str, TestType); 4] = [
    ("TCP_STREAM", TestType::TcpStream),
    ("TCP_RR", TestType::TcpRr),
    ("UDP_STREAM", TestType::UdpStream),
    ("UDP_RR", TestType::UdpRr),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestType {
    TcpStream = 1,
    TcpRr = 2,
    UdpStream = 3,
    UdpRr = 4,
}

impl TestType {
    pub(crate) fn named(name: &str) -> Option<Self> {
        TESTS
            .iter()
            .find(|(known, _)| {
                *known == name || (fault("test-ignores-case") && known.eq_ignore_ascii_case(name))
            })
            .map(|(_, test)| *test)
    }

    pub(crate) fn is_udp(self) -> bool {
        matches!(self, Self::UdpStream | Self::UdpRr)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::TcpStream),
            2 if !fault("serves-tcp-stream-only") => Some(Self::TcpRr),
            3 if !fault("serves-tcp-stream-only") => Some(Self::UdpStream),
            // `range(1, 4)` ends at 3.
            4 if !fault("serves-tcp-stream-only") && !fault("udp-rr-off-by-one") => Some(Self::UdpRr),
            _ => None,
        }
    }
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Length,
    Version,
    Type,
    Test,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "a message of the wrong length",
            Self::Version => "a message of another protocol version",
            Self::Type => "a message of the wrong type",
            Self::Test => "an unknown test type",
        })
    }
}

pub(crate) fn request(test: TestType) -> Vec<u8> {
    let number = match test {
        // Numbered in another order than that of the document.
        TestType::TcpRr if fault("client-numbers-tests-otherwise") => 3,
        TestType::UdpStream if fault("client-numbers-tests-otherwise") => 2,
        _ if fault("client-ignores-test") => 1,
        _ => test as u8,
    };
    let mut message = vec![VERSION, TEST_REQUEST, number];
    if fault("client-request-padded") {
        message.push(0);
    }
    message
}

/// The test that a client asks for.
pub(crate) fn check_request(message: &[u8]) -> Result<TestType, Refusal> {
    let &[version, kind, test] = message else { return Err(Refusal::Length) };
    let version_is_right = version == VERSION
        || fault("request-version-unchecked")
        || (fault("request-newer-version-welcome") && version > VERSION);
    if !version_is_right {
        return Err(Refusal::Version);
    }
    if kind != TEST_REQUEST && !fault("request-type-unchecked") {
        return Err(Refusal::Type);
    }
    match TestType::from_byte(test) {
        Some(test) => Ok(test),
        None if fault("test-type-unchecked") => Ok(TestType::TcpStream),
        // A dictionary from number to name, without a check that the number is in it.
        None if fault("test-type-traceback") => crash::traceback(&format!("KeyError: {test}")),
        None => Err(Refusal::Test),
    }
}

pub(crate) fn reply(port: u16) -> Vec<u8> {
    let kind = if fault("reply-of-wrong-type") { TEST_DONE } else { TEST_REPLY };
    let mut message = vec![VERSION, kind];
    match () {
        () if fault("reply-port-zero") => message.extend(0u16.to_be_bytes()),
        // struct.pack without "!", or a C struct sent as it is in memory.
        () if fault("reply-port-little-endian") => message.extend(port.to_le_bytes()),
        () => message.extend(port.to_be_bytes()),
    }
    if fault("reply-too-long") {
        message.push(0);
    }
    message
}

/// The test port that the server offers.
pub(crate) fn check_reply(message: &[u8]) -> Result<u16, Refusal> {
    let &[version, kind, high, low] = message else { return Err(Refusal::Length) };
    if version != VERSION && !fault("client-reply-version-unchecked") {
        return Err(Refusal::Version);
    }
    if kind != TEST_REPLY && !fault("client-reply-type-unchecked") {
        return Err(Refusal::Type);
    }
    Ok(u16::from_be_bytes([high, low]))
}

pub(crate) fn done() -> Vec<u8> {
    match () {
        // The packing of Request used again.
        () if fault("client-done-too-long") => vec![VERSION, TEST_DONE, 1],
        () if fault("client-done-of-wrong-type") => vec![VERSION, TEST_RESULTS],
        () => vec![VERSION, TEST_DONE],
    }
}

pub(crate) fn check_done(message: &[u8]) -> Result<(), Refusal> {
    let &[version, kind] = message else { return Err(Refusal::Length) };
    if fault("only-first-message-checked") {
        return Ok(());
    }
    if version != VERSION && !fault("done-version-unchecked") {
        return Err(Refusal::Version);
    }
    if kind != TEST_DONE && !fault("done-type-unchecked") {
        return Err(Refusal::Type);
    }
    Ok(())
}

/// The count of the running test, all ones while a UDP_STREAM test has not ended. A right server keeps none here.
pub(crate) static DATAGRAMS: AtomicU64 = AtomicU64::new(0);

/// Results of a Part 1 server: no datagrams were received.
pub(crate) fn results(test: TestType) -> Vec<u8> {
    let mut count: u64 = if fault("results-count-invented") && test.is_udp() { 1000 } else { 0 };
    if fault("count-of-aborted-test-reported") {
        count = DATAGRAMS.load(Ordering::SeqCst);
    }
    let mut message = vec![VERSION, TEST_RESULTS];
    if fault("results-natively-aligned") {
        // A C compiler puts a 64-bit field at a multiple of 8.
        message.extend([0; 6]);
    }
    match () {
        () if fault("results-32-bits") => message.extend([0; 4]),
        () => message.extend(count.to_be_bytes()),
    }
    if fault("results-too-long") {
        message.push(b'\n');
    }
    message
}

/// The number of datagrams that the server received.
pub(crate) fn check_results(message: &[u8]) -> Result<u64, Refusal> {
    let Ok(message) = <[u8; RESULTS_BYTES]>::try_from(message) else { return Err(Refusal::Length) };
    let [version, kind, count @ ..] = message;
    if (version != VERSION || kind != TEST_RESULTS) && fault("client-results-unchecked") {
        return Ok(u64::from_be_bytes(count));
    }
    if version != VERSION {
        return Err(Refusal::Version);
    }
    if kind != TEST_RESULTS {
        return Err(Refusal::Type);
    }
    Ok(match () {
        () if fault("client-count-little-endian") => u64::from_le_bytes(count),
        () if fault("client-count-32-bits") => u64::from_be_bytes(count) & 0xffff_ffff,
        () => u64::from_be_bytes(count),
    })
}
