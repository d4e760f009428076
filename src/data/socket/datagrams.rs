//! The fast ways of UDP_STREAM, each with the next one to fall back on: datagrams that the system cuts and joins
//! (segmentation and receive offload), several in a call, one by one. A path may refuse the first way in the middle of a
//! test; what was counted before stays.
//!
//! The crate quinn-udp has the same two offloads, but hands every byte over: in the same rounds on one machine of two
//! cores it took 0.99 million datagrams a second, and discarding the payload in the kernel 2.7 million.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};

use rustix::io::Errno;

use super::sys;
use crate::tally::Method;

/// What one send may hold in all: the longest datagram over IPv4.
const SEND_BYTES: usize = 65_507;

/// As many segments as every kernel that has them takes (UDP_MAX_SEGMENTS).
const MOST_SEGMENTS: usize = 64;

/// How many datagrams go out, or come in, in one call without offload.
const BATCH: usize = 64;

/// How many joined datagrams come in one call.
const JOINED_BATCH: usize = 16;

/// The longest datagram, joined or not.
const MESSAGE_BYTES: usize = 65_536;

/// So many bytes of a message are read where they do not matter. The system reports the whole length all the same, and
/// copies no more than this (measured: 3 times the datagrams of a receiver that reads every byte).
const HEAD_BYTES: usize = 16;

/// Sends equal datagrams.
pub(in crate::data) struct Sender {
    length: usize,
    /// As many datagrams as one send may be cut into, end to end.
    payload: Vec<u8>,
    method: Method,
}

impl Sender {
    /// Datagrams of this length on a connected socket that does not block; without offload unless `offload`.
    pub(in crate::data) fn new(socket: &UdpSocket, length: usize, offload: bool) -> Self {
        let segments = (SEND_BYTES / length).clamp(1, MOST_SEGMENTS);
        let segmented = offload && segments > 1 && sys::set_segment(socket, length).is_ok();
        let method = if segmented { Method::Segmented } else { Method::Batched };
        Self { length, payload: vec![0x5A; length * segments], method }
    }

    /// The way that is taken now.
    pub(in crate::data) fn method(&self) -> Method {
        self.method
    }

    /// Sends up to `most` datagrams, and returns how many the system took.
    pub(in crate::data) fn send(&mut self, socket: &UdpSocket, most: usize) -> io::Result<usize> {
        match self.method {
            Method::Segmented => {
                let bytes = self.payload.len().min(self.length.saturating_mul(most));
                match socket.send(&self.payload[..bytes]) {
                    Err(error) if is_refusal(&error) => {
                        sys::set_segment(socket, 0)?;
                        self.method = Method::Batched;
                        self.send(socket, most)
                    }
                    sent => sent.map(|bytes| bytes.div_ceil(self.length)),
                }
            }
            Method::Batched => match sys::send_many(socket, &self.payload[..self.length], most.min(BATCH)) {
                Err(error) if is_refusal(&error) => {
                    self.method = Method::OneByOne;
                    self.send(socket, most)
                }
                sent => sent,
            },
            _ => socket.send(&self.payload[..self.length]).map(|_| 1),
        }
    }
}

/// Receives datagrams and counts them.
pub(in crate::data) struct Receiver {
    slots: sys::Slots,
}

impl Receiver {
    /// For a socket that does not block; without offload unless `offload`, and with every byte read if `copy`.
    pub(in crate::data) fn new(socket: &UdpSocket, offload: bool, copy: bool) -> Self {
        let joins = offload && sys::join_datagrams(socket).is_ok();
        let count = if joins { JOINED_BATCH } else { BATCH };
        Self { slots: sys::Slots::new(count, if copy { MESSAGE_BYTES } else { HEAD_BYTES }) }
    }

    /// Takes what is there; hands on sender, bytes and datagrams of each message.
    pub(in crate::data) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut take: impl FnMut(Option<IpAddr>, usize, usize),
    ) -> io::Result<()> {
        self.slots.receive(socket, |one| take(one.from, one.bytes, one.datagrams))
    }
}

/// Receives that the system dropped on this socket, if it reports them.
pub(in crate::data) fn drops(socket: &UdpSocket) -> Option<u64> {
    sys::drops(socket).ok()
}

/// Whether the path or the system does not take sends of this kind: a device without checksums answers EIO, a datagram
/// longer than the path's packets EINVAL or EMSGSIZE.
fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
        || [Errno::IO, Errno::INVAL, Errno::MSGSIZE, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOPROTOOPT]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
