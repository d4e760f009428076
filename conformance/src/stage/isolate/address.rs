//! Sets the loopback of a new network namespace up and adds addresses to it, over rtnetlink (RFC 3549,
//! linux/rtnetlink.h). All fields are in the machine's byte order, as the kernel expects.

use std::io;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::IsolationError;
use crate::model::place::{ADDRESS, ADDRESS_V6};

/// The loopback is the first interface of every network namespace.
const LOOPBACK: i32 = 1;
/// struct nlmsghdr: length (4 bytes), type (2), flags (2), sequence (4), port (4).
const HEADER_BYTES: usize = 16;

/// Sets the loopback up, with `127.0.0.1`, `::1`, [`ADDRESS`] and [`ADDRESS_V6`]. Returns whether IPv6 works.
pub(super) fn bring_up() -> Result<bool, IsolationError> {
    let netlink = Netlink::open().map_err(IsolationError::refused("talk to the network namespace"))?;
    netlink.raise_loopback().map_err(IsolationError::refused("bring the loopback up"))?;
    netlink.add(ADDRESS.into()).map_err(IsolationError::refused("add an address to the loopback"))?;
    // Where IPv6 is off, the kernel may accept the address and still have no `::1`.
    let usable = |address: Ipv6Addr| UdpSocket::bind((address, 0)).is_ok();
    Ok(netlink.add(ADDRESS_V6.into()).is_ok() && usable(ADDRESS_V6) && usable(Ipv6Addr::LOCALHOST))
}

struct Netlink(OwnedFd);

impl Netlink {
    fn open() -> io::Result<Netlink> {
        let protocol = SockProtocol::NetlinkRoute;
        Ok(Netlink(socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?))
    }

    fn raise_loopback(&self) -> io::Result<()> {
        let up = libc::IFF_UP as u32;
        // struct ifinfomsg: family (1 byte), padding (1), device type (2), index (4), flags (4), which of them (4).
        let mut body = vec![0; 4];
        body.extend(LOOPBACK.to_ne_bytes());
        body.extend(up.to_ne_bytes());
        body.extend(up.to_ne_bytes());
        self.request(libc::RTM_NEWLINK, 0, &body)
    }

    fn add(&self, address: IpAddr) -> io::Result<()> {
        let (family, octets) = match address {
            IpAddr::V4(v4) => (libc::AF_INET as u8, v4.octets().to_vec()),
            IpAddr::V6(v6) => (libc::AF_INET6 as u8, v6.octets().to_vec()),
        };
        let whole = octets.len() as u8 * 8;
        // struct ifaddrmsg: family, prefix length, flags, scope (1 byte each), index (4). Scope 0 is global.
        let mut body = vec![family, whole, libc::IFA_F_NODAD as u8, 0];
        body.extend(LOOPBACK.to_ne_bytes());
        for kind in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
            // struct rtattr: length with itself (2 bytes), kind (2), value.
            body.extend((octets.len() as u16 + 4).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(&octets);
        }
        self.request(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    /// One request, and the kernel's answer to it.
    fn request(&self, kind: u16, flags: i32, body: &[u8]) -> io::Result<()> {
        let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
        message.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(((flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        sendto(self.0.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;

        let mut answer = [0; 1024];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        match verdict(&answer[..length]) {
            Some(0) => Ok(()),
            Some(code) => Err(Errno::from_raw(-code).into()),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The code of an acknowledgement (struct nlmsgerr after the header): 0, or a negated errno.
fn verdict(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if i32::from(kind) != libc::NLMSG_ERROR {
        return None;
    }
    Some(i32::from_ne_bytes(answer.get(HEADER_BYTES..HEADER_BYTES + 4)?.try_into().ok()?))
}
