//! Asks the kernel for single TCP sockets over netlink (sock_diag(7), linux/inet_diag.h), for `netstat`.
//!
//! A read of `/proc/net/tcp` goes through the hash table of the whole machine, half a million buckets, even if this
//! namespace has few sockets. It costs one or two milliseconds of processor time. A request for one connection costs
//! microseconds, one for all listeners some dozens. Numbers are in the machine's byte order, ports and addresses in
//! network order.

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::{LISTEN, Socket, canonical};

/// struct nlmsghdr: length (4 bytes), type (2), flags (2), sequence (4), port (4).
const HEADER_BYTES: usize = 16;
/// struct inet_diag_msg behind it: family, state, timer, retransmissions (1 each), the ends (48), expiry, receive
/// queue, send queue, user, inode (4 each).
const ROW_BYTES: usize = 72;
/// SOCK_DIAG_BY_FAMILY (linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// INET_DIAG_NOCOOKIE: any socket with these addresses.
const ANY_SOCKET: [u8; 8] = [0xff; 8];
/// The most bytes of one answer of a dump: the kernel fills 8 KiB or 32 KiB.
const ANSWER_BYTES: usize = 32 << 10;

thread_local! {
    /// One netlink socket per thread; `None` where the kernel refuses.
    static DIAG: OnceCell<Option<Diag>> = const { OnceCell::new() };
}

/// Whether a TCP socket listens on `port`; `None` where the kernel does not answer such questions.
pub(super) fn is_listening(port: u16) -> Option<bool> {
    with(|diag| diag.listeners(port))
}

/// The socket of this namespace whose ends are these; `None` where the kernel does not answer such questions.
pub(super) fn connection(local: SocketAddr, remote: SocketAddr) -> Option<Option<Socket>> {
    with(|diag| diag.connection(local, remote))
}

fn with<T>(request: impl FnOnce(&Diag) -> io::Result<T>) -> Option<T> {
    DIAG.with(|diag| request(diag.get_or_init(|| Diag::open().ok()).as_ref()?).ok())
}

struct Diag(OwnedFd);

impl Diag {
    /// A kernel that cannot answer for TCP fails here. So a later "no such entry" means that there is no such socket.
    fn open() -> io::Result<Diag> {
        let protocol = SockProtocol::NetlinkSockDiag;
        let diag = Diag(socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?);
        diag.listeners(0)?;
        Ok(diag)
    }

    fn listeners(&self, port: u16) -> io::Result<bool> {
        for family in [libc::AF_INET6, libc::AF_INET] {
            let mut found = false;
            self.send(libc::NLM_F_DUMP, &request(family, None))?;
            self.answers(|row| found |= parse(row).is_some_and(|socket| socket.local.port() == port))?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn connection(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Socket>> {
        let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        self.send(0, &request(family, Some((local, remote))))?;
        let mut found = None;
        match self.answers(|row| found = parse(row)) {
            // Where there is no connection, a listener of that port may answer.
            Ok(()) => Ok(found.filter(|socket| (socket.local, socket.remote) == (local, remote))),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&self, flags: i32, body: &[u8]) -> io::Result<()> {
        let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
        message.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        sendto(self.0.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        Ok(())
    }

    /// Reads the whole answer: one row, or a dump up to its end.
    fn answers(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let mut answer = vec![0; ANSWER_BYTES];
        loop {
            let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
            for Message { kind, several, body } in messages(&answer[..length]) {
                match kind {
                    BY_FAMILY => each(body),
                    kind if kind == libc::NLMSG_DONE as u16 => return Ok(()),
                    kind if kind == libc::NLMSG_ERROR as u16 => {
                        let code = body.get(..4).and_then(|code| code.try_into().ok());
                        let code = i32::from_ne_bytes(code.ok_or(io::ErrorKind::InvalidData)?);
                        return Err(Errno::from_raw(-code).into());
                    }
                    _ => {}
                }
                if !several {
                    return Ok(());
                }
            }
        }
    }
}

/// struct inet_diag_req_v2: family, protocol, extensions, padding (1 each), a set of states (4), the ends. Without ends
/// it asks for all listeners.
fn request(family: i32, ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let states: u32 = if ends.is_none() { 1 << LISTEN } else { u32::MAX };
    let mut body = vec![family as u8, libc::IPPROTO_TCP as u8, 0, 0];
    body.extend(states.to_ne_bytes());
    // struct inet_diag_sockid: both ports (2 each), both addresses (16 each), interface (4), cookie (8).
    let (local, remote) = ends.unzip();
    for end in [local, remote] {
        body.extend(end.map_or(0, |end| end.port()).to_be_bytes());
    }
    for end in [local, remote] {
        let mut octets = [0; 16];
        match end.map(|end| end.ip()) {
            Some(IpAddr::V4(v4)) => octets[..4].copy_from_slice(&v4.octets()),
            Some(IpAddr::V6(v6)) => octets = v6.octets(),
            None => {}
        }
        body.extend(octets);
    }
    body.extend([0; 4]);
    body.extend(ANY_SOCKET);
    body
}

struct Message<'a> {
    kind: u16,
    /// Further messages follow; the last one is NLMSG_DONE.
    several: bool,
    body: &'a [u8],
}

/// The messages of one datagram, each padded to 4 bytes.
fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
        let flags = u16::from_ne_bytes(rest.get(6..8)?.try_into().ok()?);
        let body = rest.get(HEADER_BYTES..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, several: i32::from(flags) & libc::NLM_F_MULTI != 0, body })
    })
}

fn parse(row: &[u8]) -> Option<Socket> {
    let row: &[u8; ROW_BYTES] = row.get(..ROW_BYTES)?.try_into().ok()?;
    let number = |at: usize| u32::from_ne_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    let end = |port: usize, address: usize| {
        let port = u16::from_be_bytes([row[port], row[port + 1]]);
        let octets: [u8; 16] = row[address..address + 16].try_into().ok()?;
        let ip = match i32::from(row[0]) {
            libc::AF_INET => Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
            _ => IpAddr::from(Ipv6Addr::from(octets)),
        };
        Some(canonical(SocketAddr::new(ip, port)))
    };
    Some(Socket {
        local: end(4, 8)?,
        remote: end(6, 24)?,
        state: row[1],
        unread_bytes: number(56),
        unsent_bytes: number(60),
        inode: number(68).into(),
        drops: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use rstest::rstest;

    use super::super::{sockets, table};
    use super::*;

    /// Netlink and `/proc` say the same, for a connection before its accept and after it.
    #[rstest]
    #[case::v4("127.0.0.1:0")]
    #[case::v6("[::1]:0")]
    fn netlink_and_proc_say_the_same(#[case] address: &str) {
        let Ok(listener) = TcpListener::bind(address) else { return };
        let port = listener.local_addr().unwrap().port();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.write_all(&[1, 2, 3]).unwrap();
        let (ours, theirs) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let in_proc = || {
            let mut rows = sockets("tcp").unwrap().into_iter();
            let found = rows.find(|socket| (socket.local, socket.remote) == (theirs, ours));
            // TCP has no drops: its field has another meaning.
            found.map(|socket| Socket { drops: 0, ..socket })
        };
        if is_listening(port).is_none() {
            return;
        }
        assert_eq!(is_listening(port), Some(true));
        assert_eq!(connection(theirs, ours), Some(in_proc()));
        let accepted = listener.accept().unwrap();
        assert_eq!(connection(theirs, ours), Some(in_proc()));
        drop(accepted);
        drop(listener);
        assert_eq!(is_listening(port), Some(false));
        // Where there is no connection, the listener must not be the answer.
        assert_eq!(connection(theirs, SocketAddr::new(ours.ip(), 1)), Some(None));
    }

    /// An IPv6 socket accepts IPv4 connections.
    #[test]
    fn an_end_of_both_versions_is_found() {
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let (ours, theirs) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let found = connection(theirs, ours);
        assert!(found.is_none_or(|socket| socket.is_some()));
        assert!(!table("tcp6").unwrap().is_empty());
    }

    #[rstest]
    #[case::empty(&[])]
    #[case::cut_short(&[40, 0, 0, 0, 20, 0, 0, 0])]
    #[case::too_short_for_itself(&[3, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
    fn a_broken_answer_is_none(#[case] bytes: &[u8]) {
        assert_eq!(messages(bytes).count(), 0);
        assert_eq!(parse(bytes), None);
    }
}
