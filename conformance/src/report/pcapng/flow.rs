//! One TCP connection as segments with addresses, sequence numbers and flags. Each becomes an IP packet.

use std::io;
use std::net::SocketAddr;

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};

/// The most bytes of data in one segment: Linux's loopback MTU of 65536 bytes without an IPv6 and a TCP header.
const MOST_PAYLOAD: u16 = 65_476;

/// The window of each side: with [`WINDOW_SCALE`] almost 1 GiB, which no conversation fills.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 14;

/// The time to live of a packet. Nothing depends on it.
const TTL: u8 = 64;

/// The first sequence numbers of the two sides.
const FIRST: [u32; 2] = [1_000_000, 2_000_000];

/// How far the first numbers of one connection are from those of the next. A later connection may have the same two
/// ports, and would look like a retransmission if it had the same numbers.
const APART: u32 = 10_000_000;

/// The side that sends a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Conformance.
    Runner,
    /// The program under test.
    Target,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Runner => Self::Target,
            Self::Target => Self::Runner,
        }
    }
}

/// One segment between two addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    source: SocketAddr,
    destination: SocketAddr,
    header: TcpHeader,
    /// The part of its data that was kept.
    kept: Vec<u8>,
    /// How many bytes of data it carried.
    size: usize,
}

impl Segment {
    /// The segment as an IP packet with right checksums: the known bytes, and the real length. If not all data was kept,
    /// the bytes end early, as in a capture with a short snapshot length. The TCP checksum is then that of zeros for the
    /// rest.
    pub(super) fn to_packet(&self) -> io::Result<(Vec<u8>, usize)> {
        let ip = match (self.source, self.destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
                PacketBuilder::ipv4(source.ip().octets(), destination.ip().octets(), TTL)
            }
            (source, destination) => PacketBuilder::ipv6(octets(source), octets(destination), TTL),
        };
        let mut payload = self.kept.clone();
        payload.resize(self.size, 0);
        let mut packet = Vec::new();
        ip.tcp_header(self.header.clone()).write_to_vec(&mut packet, &payload).map_err(io::Error::other)?;
        let length = packet.len();
        packet.truncate(length - (self.size - self.kept.len()));
        Ok((packet, length))
    }
}

fn octets(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

/// One connection, with the state of its two ends.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    runner: End,
    target: End,
    over: bool,
}

#[derive(Clone, Copy, Debug)]
struct End {
    address: SocketAddr,
    /// The sequence number of its next byte.
    next: u32,
    closed: bool,
}

impl Flow {
    /// A connection between two addresses of one family, before its first segment, and the number of those before it.
    pub(super) fn new(runner: SocketAddr, target: SocketAddr, earlier: u32) -> Self {
        let end = |address, first: u32| {
            let next = first.wrapping_add(APART.wrapping_mul(earlier));
            End { address, next, closed: false }
        };
        Self { runner: end(runner, FIRST[0]), target: end(target, FIRST[1]), over: false }
    }

    /// The first segment, from the side that opens the connection.
    pub(super) fn syn(&mut self, opener: Side) -> Segment {
        let mut segment = self.segment(opener, b"", 0);
        segment.header.syn = true;
        segment.header.ack = false;
        segment.header.acknowledgment_number = 0;
        offer_sizes(&mut segment.header);
        self.advance(opener, 1);
        segment
    }

    /// The rest of the handshake that `opener` began.
    pub(super) fn established(&mut self, opener: Side) -> Vec<Segment> {
        let mut answer = self.segment(opener.other(), b"", 0);
        answer.header.syn = true;
        offer_sizes(&mut answer.header);
        self.advance(opener.other(), 1);
        vec![answer, self.segment(opener, b"", 0)]
    }

    /// The segments of `length` bytes of data, of which `bytes` are the first.
    pub(super) fn data(&mut self, from: Side, bytes: &[u8], length: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut done = 0;
        while done < length && !self.over {
            let size = usize::from(MOST_PAYLOAD).min(length - done);
            let kept = bytes.get(done..).unwrap_or_default();
            let mut segment = self.segment(from, &kept[..kept.len().min(size)], size);
            done += size;
            segment.header.psh = done == length;
            segments.push(segment);
            self.advance(from, size);
        }
        segments
    }

    /// The FIN of one side, and the other side's acknowledgement. A side sends it once.
    pub(super) fn fin(&mut self, from: Side) -> Vec<Segment> {
        if self.over || std::mem::replace(&mut self.end(from).closed, true) {
            return Vec::new();
        }
        let mut fin = self.segment(from, b"", 0);
        fin.header.fin = true;
        self.advance(from, 1);
        vec![fin, self.segment(from.other(), b"", 0)]
    }

    /// A reset, which ends the connection.
    pub(super) fn reset(&mut self, from: Side) -> Vec<Segment> {
        if std::mem::replace(&mut self.over, true) {
            return Vec::new();
        }
        let mut reset = self.segment(from, b"", 0);
        reset.header.rst = true;
        vec![reset]
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Runner => &mut self.runner,
            Side::Target => &mut self.target,
        }
    }

    fn advance(&mut self, side: Side, bytes: usize) {
        let end = self.end(side);
        // Sequence numbers wrap, as in any TCP; a segment is far below 4 GiB.
        end.next = end.next.wrapping_add(u32::try_from(bytes).unwrap_or(0));
    }

    /// A segment with `size` bytes, of which `kept` are the first. It acknowledges everything that came.
    fn segment(&self, from: Side, kept: &[u8], size: usize) -> Segment {
        let (source, destination) = match from {
            Side::Runner => (self.runner, self.target),
            Side::Target => (self.target, self.runner),
        };
        let ports = (source.address.port(), destination.address.port());
        let mut header = TcpHeader::new(ports.0, ports.1, source.next, WINDOW);
        header.ack = true;
        header.acknowledgment_number = destination.next;
        Segment {
            source: source.address,
            destination: destination.address,
            header,
            kept: kept.to_vec(),
            size,
        }
    }
}

fn offer_sizes(header: &mut TcpHeader) {
    let options =
        [TcpOptionElement::MaximumSegmentSize(MOST_PAYLOAD), TcpOptionElement::WindowScale(WINDOW_SCALE)];
    // The options have 7 bytes, and a header has room for 40.
    let _ = header.set_options(&options);
}
