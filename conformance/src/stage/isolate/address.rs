//! Sets the loopback of a new network namespace up, adds addresses to it and slows it down, over rtnetlink (RFC 3549,
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

/// The speed of a slow loopback: 100 Mbit/s, in bytes per second.
const SLOW_BYTES_PER_SECOND: u32 = 12_500_000;
/// What may pass at once: more than the loopback's largest packet (64 KiB).
const BURST_BYTES: u32 = 128 << 10;
/// What may wait: more than the send buffer of a socket. So a fast sender waits, and nothing is lost.
const QUEUE_BYTES: u32 = 8 << 20;

/// Gives the loopback the speed of a Fast Ethernet card. A client that floods its peer with datagrams then waits in its
/// send call, as on a real network, instead of using a whole processor.
pub(super) fn slow_down() -> io::Result<()> {
    Netlink::open()?.shape_loopback()
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
            body.extend(attribute(kind, &octets));
        }
        self.request(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    /// A token bucket at the root of the interface (tc-tbf(8), linux/pkt_sched.h).
    fn shape_loopback(&self) -> io::Result<()> {
        const ETHERNET: u8 = 1;
        const TCA_TBF_PARMS: u16 = 1;
        const TCA_TBF_BURST: u16 = 6;
        // struct tcmsg: family (1 byte), padding (3), index (4), handle (4), parent (4, all ones: the root), info (4).
        let mut body = vec![0; 4];
        body.extend(LOOPBACK.to_ne_bytes());
        body.extend([0; 4]);
        body.extend(u32::MAX.to_ne_bytes());
        body.extend([0; 4]);
        // struct tc_tbf_qopt: two struct tc_ratespec (cell size, link layer: 1 byte each; overhead, alignment, smallest
        // packet: 2 each; rate: 4), then limit, buffer and largest packet (4 each). The second rate, the peak, is off.
        let mut parameters = vec![0, ETHERNET, 0, 0, 0, 0, 0, 0];
        parameters.extend(SLOW_BYTES_PER_SECOND.to_ne_bytes());
        parameters.extend([0; 12]);
        parameters.extend(QUEUE_BYTES.to_ne_bytes());
        parameters.extend([0; 8]);
        let options =
            [attribute(TCA_TBF_PARMS, &parameters), attribute(TCA_TBF_BURST, &BURST_BYTES.to_ne_bytes())];
        body.extend(attribute(libc::TCA_KIND, b"tbf\0"));
        body.extend(attribute(libc::TCA_OPTIONS, &options.concat()));
        self.request(libc::RTM_NEWQDISC, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body)
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

/// struct rtattr: length with itself (2 bytes), kind (2), value. All values here are whole words, so there is no padding.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16 + 4;
    [&length.to_ne_bytes(), &kind.to_ne_bytes(), value].concat()
}

/// The code of an acknowledgement (struct nlmsgerr after the header): 0, or a negated errno.
fn verdict(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if i32::from(kind) != libc::NLMSG_ERROR {
        return None;
    }
    Some(i32::from_ne_bytes(answer.get(HEADER_BYTES..HEADER_BYTES + 4)?.try_into().ok()?))
}
