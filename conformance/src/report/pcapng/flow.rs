//! One TCP connection of a conversation as the segments that carried it: addresses, sequence numbers and
//! flags, and each as the bytes of an IP packet. For packets.rs.

use std::io;
use std::net::SocketAddr;

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};

/// The most bytes of data in one segment: what fits into Linux's loopback MTU of 65536 bytes behind an IPv6 and a TCP
/// header.
const MOST_PAYLOAD: u16 = 65_476;

/// The window that each side offers, scaled by [`WINDOW_SCALE`]: 1 GiB, so that no flood of a conversation looks as
/// if it had run into it.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 14;

/// How many hops a packet may take. Nothing depends on it.
const TTL: u8 = 64;

/// The first sequence numbers of the two sides. They are free to choose, and analysers count from them.
const FIRST: [u32; 2] = [1_000_000, 2_000_000];

/// Who sends a segment.
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
    /// The first of its data, as far as it was kept.
    kept: Vec<u8>,
    /// How many bytes of data it carried.
    size: usize,
}

impl Segment {
    /// The segment in an IP packet with right checksums: the bytes that are known, and how long it was. Where
    /// not all of the data was kept the bytes end early, as in a capture with a short snapshot length, and the TCP
    /// checksum, which nobody can check then, is that of zeros in place of the rest.
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

/// One connection: what each side has sent so far.
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
    /// A connection between two addresses of one family, before its first segment.
    pub(super) fn new(runner: SocketAddr, target: SocketAddr) -> Self {
        let end = |address, next| End { address, next, closed: false };
        Self { runner: end(runner, FIRST[0]), target: end(target, FIRST[1]), over: false }
    }

    /// The first segment of whoever opens the connection.
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

    /// Data, in as many segments as it takes; `bytes` are the first of `length`.
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

    /// The end of one side's data, once, and the other side's acknowledgement of it.
    pub(super) fn fin(&mut self, from: Side) -> Vec<Segment> {
        if self.over || std::mem::replace(&mut self.end(from).closed, true) {
            return Vec::new();
        }
        let mut fin = self.segment(from, b"", 0);
        fin.header.fin = true;
        self.advance(from, 1);
        vec![fin, self.segment(from.other(), b"", 0)]
    }

    /// The end of everything.
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

    /// A segment that acknowledges all that has come and carries `size` bytes, of which `kept` are the first.
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
    // Options of seven bytes always fit into a header's forty.
    let _ = header.set_options(&options);
}
