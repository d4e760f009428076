//! The system calls of Linux that no safe crate offers in the form that is needed: the only `unsafe` of the crate.
#![expect(unsafe_code, reason = "system calls by pointer; each block says why it is sound")]

use std::io;
use std::mem::{MaybeUninit, size_of, size_of_val};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use libc::{c_int, c_void, iovec, mmsghdr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use rustix::fs::{MemfdFlags, memfd_create, sendfile};

use super::StreamInfo;

/// Words of control data for a received message: room for the one item that is asked for, and some.
const CONTROL_WORDS: usize = 8;

/// Sets how many bytes must lie in a stream's socket before a poll calls it readable.
pub(super) fn set_low_water(stream: &TcpStream, bytes: usize) -> io::Result<()> {
    set(stream, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes)
}

/// Lets the system cut each send into datagrams of this many bytes; 0 ends that.
pub(super) fn set_segment(socket: &UdpSocket, bytes: usize) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, bytes)
}

/// Lets the system join datagrams of one sender before they are received.
pub(super) fn join_datagrams(socket: &UdpSocket) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
}

/// How many receives the system has dropped on this socket since it was opened; a joined one counts as one.
pub(super) fn drops(socket: &UdpSocket) -> io::Result<u64> {
    /// SK_MEMINFO_DROPS of linux/sock_diag.h.
    const DROPS: usize = 8;
    let info: [u32; 16] = get(socket, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    Ok(info[DROPS].into())
}

/// What the system knows about a stream.
pub(super) fn stream_info(stream: &TcpStream) -> io::Result<StreamInfo> {
    let info: libc::tcp_info = get(stream, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    Ok(StreamInfo {
        // The SYN takes a number of the sequence, and so does the FIN, which is not sent yet where this is asked.
        acknowledged_bytes: info.tcpi_bytes_acked.saturating_sub(1),
        mss_bytes: info.tcpi_snd_mss,
        retransmitted_segments: info.tcpi_total_retrans,
    })
}

/// A file that lies in memory, of these bytes.
pub(super) fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create(c"tester", MemfdFlags::CLOEXEC)?;
    let mut written = 0;
    while written < bytes.len() {
        written += rustix::io::write(&file, &bytes[written..])?;
    }
    Ok(file)
}

/// Sends `count` bytes of the file from `offset` without their passing through this program.
pub(super) fn send_file(stream: &TcpStream, file: &OwnedFd, offset: u64, count: usize) -> io::Result<usize> {
    let mut offset = offset;
    Ok(sendfile(stream, file, Some(&mut offset), count)?)
}

/// Takes up to `buffer`'s length from a stream, and forgets it: nothing is written to the buffer.
pub(super) fn discard(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    use rustix::net::{RecvFlags, recv};
    let (_, count) = recv(stream, buffer, RecvFlags::TRUNC | RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// Sends one datagram `count` times on a connected socket; returns how often.
pub(super) fn send_many(socket: &UdpSocket, datagram: &[u8], count: usize) -> io::Result<usize> {
    let mut part = iovec { iov_base: datagram.as_ptr().cast_mut().cast::<c_void>(), iov_len: datagram.len() };
    let mut messages: Vec<mmsghdr> = (0..count)
        .map(|_| {
            let mut message = zeroed_message();
            message.msg_hdr.msg_iov = &raw mut part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    // SAFETY: `messages` holds `count` headers. Each points to `part` and that to `datagram`, which outlive the call; the
    // system only reads the bytes of a message that it sends.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Room for several messages of one call.
pub(super) struct Slots {
    bytes: usize,
    payload: Vec<u8>,
    names: Vec<sockaddr_storage>,
    controls: Vec<[u64; CONTROL_WORDS]>,
    parts: Vec<iovec>,
    messages: Vec<mmsghdr>,
}

/// What one slot received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) from: Option<IpAddr>,
    pub(super) bytes: usize,
    pub(super) datagrams: usize,
}

impl Slots {
    /// `count` slots for messages of up to `bytes`; of a longer one the rest is forgotten, and still counted.
    pub(super) fn new(count: usize, bytes: usize) -> Self {
        // SAFETY: an address of zero bytes is one of no family (AF_UNSPEC).
        let name: sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Self {
            bytes,
            payload: vec![0; count * bytes],
            names: vec![name; count],
            controls: vec![[0; CONTROL_WORDS]; count],
            parts: vec![iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; count],
            messages: (0..count).map(|_| zeroed_message()).collect(),
        }
    }

    /// Receives what is there, without waiting, and hands it on message by message.
    pub(super) fn receive(&mut self, socket: &UdpSocket, mut take: impl FnMut(Received)) -> io::Result<()> {
        for (index, message) in self.messages.iter_mut().enumerate() {
            let part = &mut self.parts[index];
            part.iov_base = self.payload[index * self.bytes..].as_mut_ptr().cast();
            part.iov_len = self.bytes;
            let header = &mut message.msg_hdr;
            header.msg_iov = &raw mut *part;
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
            header.msg_control = self.controls[index].as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&self.controls[index]);
        }
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: every header was just made to point to its own slot's part, name and control, all of this length and
        // owned by `self`, which is borrowed for the whole call; each part lies within `payload`.
        let received = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), self.messages.as_mut_ptr(), count, flags, std::ptr::null_mut())
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (message, name) in self.messages.iter().zip(&self.names).take(received) {
            let bytes = message.msg_len as usize;
            let datagrams = match segment_bytes(message) {
                Some(segment) => bytes.div_ceil(segment),
                None => 1,
            };
            take(Received { from: address(name), bytes, datagrams });
        }
        Ok(())
    }
}

/// The length of the datagrams that were joined in a message, if any were.
fn segment_bytes(message: &mmsghdr) -> Option<usize> {
    let header = &message.msg_hdr;
    // SAFETY: the system has set `msg_control` and `msg_controllen` to what it wrote into the slot's own control words,
    // and the two functions stay within that.
    let mut item = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !item.is_null() {
        // SAFETY: not null, so that it points to a whole item within the control words.
        let (level, kind) = unsafe { ((*item).cmsg_level, (*item).cmsg_type) };
        if (level, kind) == (libc::SOL_UDP, libc::UDP_GRO) {
            // SAFETY: the data of a UDP_GRO item is an `int` (udp_cmsg_recv in the kernel), aligned or not.
            let segment = unsafe { libc::CMSG_DATA(item).cast::<c_int>().read_unaligned() };
            return usize::try_from(segment).ok().filter(|segment| *segment > 0);
        }
        // SAFETY: as for the first.
        item = unsafe { libc::CMSG_NXTHDR(header, item) };
    }
    None
}

fn address(name: &sockaddr_storage) -> Option<IpAddr> {
    match c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: a storage is larger than any address and aligned for all; the family says which one it holds.
            let name = unsafe { &*(&raw const *name).cast::<sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*(&raw const *name).cast::<sockaddr_in6>() };
            Some(IpAddr::from(Ipv6Addr::from(name.sin6_addr.s6_addr)).to_canonical())
        }
        _ => None,
    }
}

fn zeroed_message() -> mmsghdr {
    // SAFETY: integers and pointers throughout; null pointers with lengths of 0 are an empty message.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn set(socket: &impl AsFd, level: c_int, option: c_int, value: usize) -> io::Result<()> {
    let value = c_int::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let length = size_of_val(&value) as socklen_t;
    // SAFETY: the system reads `length` bytes from the pointer, and the value has that many.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads an option whose value is integers; what an older system does not know of it is 0.
fn get<T: Integers>(socket: &impl AsFd, level: c_int, option: c_int) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as socklen_t;
    // SAFETY: the system writes at most `length` bytes to the pointer, and the value has that many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            value.as_mut_ptr().cast::<c_void>(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zero bytes, and whatever the system wrote over them, are values of integers.
    Ok(unsafe { value.assume_init() })
}

/// Types for which any bytes are a value.
///
/// # Safety
/// They must have neither references nor other bytes than those of integers, padding apart.
unsafe trait Integers: Copy {}
// SAFETY: integers.
unsafe impl Integers for [u32; 16] {}
// SAFETY: a structure of the kernel's that has integers only.
unsafe impl Integers for libc::tcp_info {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_tell_sender_length_and_number() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        assert_eq!(send_many(&sender, &[7; 100], 5).unwrap(), 5);
        let mut slots = Slots::new(8, 16);
        let mut seen = Vec::new();
        slots.receive(&receiver, |one| seen.push(one)).unwrap();
        let from = Some(IpAddr::from(Ipv4Addr::LOCALHOST));
        assert_eq!(seen, [Received { from, bytes: 100, datagrams: 1 }; 5]);
        let empty = slots.receive(&receiver, |_| ()).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn joined_datagrams_are_counted_one_by_one() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        if join_datagrams(&receiver).is_err() || set_segment(&sender, 1000).is_err() {
            return; // A kernel before 5.0, where the ways without are taken.
        }
        // The last one is short.
        assert_eq!(sender.send(&[7; 10_500]).unwrap(), 10_500);
        let mut slots = Slots::new(8, 65536);
        let (mut bytes, mut datagrams) = (0, 0);
        slots
            .receive(&receiver, |one| {
                bytes += one.bytes;
                datagrams += one.datagrams;
            })
            .unwrap();
        assert_eq!((bytes, datagrams), (10_500, 11));
        assert_eq!(drops(&receiver).unwrap(), 0);
    }
}
