//! What the kernel knows about the sockets of this network namespace, for `play`: whether a server listens, without a
//! trial connection, and who lost a datagram. It reads `/proc/self/net` (proc(5)), and uses netlink (`diag`) where a
//! read of a whole table would cost too much.
//!
//! Linux only; elsewhere every function fails with [`io::ErrorKind::Unsupported`].

#[cfg(target_os = "linux")]
mod diag;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Sub;

/// States of a TCP socket, as the kernel numbers them (include/net/tcp_states.h).
const ESTABLISHED: u8 = 0x01;
const CLOSE_WAIT: u8 = 0x08;
const LISTEN: u8 = 0x0A;

/// Whether a TCP socket listens on `port`, on any address and IP version.
pub fn is_listening(port: u16) -> io::Result<bool> {
    // A read of a table costs one or two milliseconds of processor time, these counts almost nothing. The network of a
    // tester that is starting is empty.
    let (v4, v6) = tcp_sockets_in_use();
    if v4 == Some(0) && v6.is_none_or(|count| count == 0) {
        return Ok(false);
    }
    #[cfg(target_os = "linux")]
    if let Some(listens) = diag::is_listening(port) {
        return Ok(listens);
    }
    let listens = |socket: Socket| socket.state == LISTEN && socket.local.port() == port;
    Ok(v6 != Some(0) && table("tcp6")?.into_iter().any(listens)
        || v4 != Some(0) && table("tcp")?.into_iter().any(listens))
}

/// How many TCP sockets of IPv4 and of IPv6 are bound, listening or connected; `None` where the system does not say.
fn tcp_sockets_in_use() -> (Option<u32>, Option<u32>) {
    let count = |file: &str, family: &str| {
        let text = read_net(file).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(family))?;
        line.split_whitespace().skip_while(|word| *word != "inuse").nth(1)?.parse::<u32>().ok()
    };
    (count("sockstat", "TCP:"), count("sockstat6", "TCP6:"))
}

/// Whether a TCP socket listens on `port`, or holds a connection that was accepted there.
pub fn tcp_port_in_use(port: u16) -> io::Result<bool> {
    seen_twice_if_absent(|| Ok(is_listening(port)? || tcp_port_in_table(port)?))
}

/// A table is read in several system calls, and may change between them. So a read may miss a row that exists, but
/// never shows one that does not. "No" therefore needs two reads.
fn seen_twice_if_absent(check: impl Fn() -> io::Result<bool>) -> io::Result<bool> {
    Ok(check()? || check()?)
}

fn tcp_port_in_table(port: u16) -> io::Result<bool> {
    let of_port = |socket: &&Socket| socket.local.port() == port && socket.inode != 0;
    let is_live = |socket: &Socket| matches!(socket.state, LISTEN | ESTABLISHED | CLOSE_WAIT);
    Ok(sockets("tcp")?.iter().filter(of_port).any(is_live))
}

/// The ports on which TCP sockets listen, in ascending order, each once.
pub fn listening_tcp_ports() -> io::Result<Vec<u16>> {
    let listening = sockets("tcp")?.into_iter().filter(|socket| socket.state == LISTEN);
    let mut ports: Vec<u16> = listening.map(|socket| socket.local.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// The peer's end of a TCP connection within this namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpEnd {
    /// Bytes that have arrived and that the application has not read. An unread end-of-file counts as one more byte.
    pub unread_bytes: u32,
    /// Bytes that the application has written and that have not been acknowledged.
    pub unsent_bytes: u32,
    /// The application has taken the connection out of the backlog.
    pub accepted: bool,
    /// The application has not closed it, nor its sending side.
    pub open: bool,
}

/// The other end of a connection: `ours` and `theirs` are the addresses that `getsockname` and `getpeername` of our
/// socket give. `None` when the kernel no longer knows it.
pub fn tcp_peer(ours: SocketAddr, theirs: SocketAddr) -> io::Result<Option<TcpEnd>> {
    Ok(connection(canonical(theirs), canonical(ours))?.map(|socket| TcpEnd {
        unread_bytes: socket.unread_bytes,
        unsent_bytes: socket.unsent_bytes,
        accepted: socket.inode != 0,
        open: matches!(socket.state, ESTABLISHED | CLOSE_WAIT),
    }))
}

fn connection(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Socket>> {
    #[cfg(target_os = "linux")]
    if let Some(found) = diag::connection(local, remote) {
        return Ok(found);
    }
    Ok(sockets("tcp")?.into_iter().find(|socket| (socket.local, socket.remote) == (local, remote)))
}

/// Bytes that have arrived at the other end and are not read yet; see [`tcp_peer`].
pub fn tcp_peer_unread(ours: SocketAddr, theirs: SocketAddr) -> io::Result<Option<u32>> {
    Ok(tcp_peer(ours, theirs)?.map(|end| end.unread_bytes))
}

/// The UDP sockets of one port, in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpPort {
    /// How many sockets are bound to it; 0: it is not open.
    pub sockets: usize,
    /// Datagrams that the kernel has dropped since these sockets were opened, mostly because a buffer was full.
    pub drops: u64,
    /// Memory of unread datagrams, in bytes of the kernel's accounting (more than their contents); 0: all read.
    pub unread_memory_bytes: u64,
}

/// The UDP sockets bound to `port`, on any address and IP version.
pub fn udp_port(port: u16) -> io::Result<UdpPort> {
    let bound = sockets("udp")?.into_iter().filter(|socket| socket.local.port() == port);
    Ok(bound.fold(UdpPort::default(), |sum, socket| UdpPort {
        sockets: sum.sockets + 1,
        drops: sum.drops + socket.drops,
        unread_memory_bytes: sum.unread_memory_bytes + u64::from(socket.unread_bytes),
    }))
}

/// Whether a UDP socket is bound to `port`.
pub fn udp_port_open(port: u16) -> io::Result<bool> {
    seen_twice_if_absent(|| Ok(udp_port(port)?.sockets > 0))
}

/// UDP counters of the namespace since it was made, IPv4 and IPv6 together. The difference of two readings shows what
/// happened between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounters {
    /// Datagrams that applications have read (or, in later kernels, could).
    pub in_datagrams: u64,
    /// Datagrams for a port that was not open.
    pub no_ports: u64,
    /// Datagrams that could not be delivered for any other reason, receive buffer errors included.
    pub in_errors: u64,
    /// Datagrams sent.
    pub out_datagrams: u64,
    /// Datagrams dropped because the receiver's buffer was full.
    pub receive_buffer_errors: u64,
    /// Datagrams not sent because the sender's buffer was full.
    pub send_buffer_errors: u64,
}

impl Sub for UdpCounters {
    type Output = UdpCounters;

    fn sub(self, earlier: UdpCounters) -> UdpCounters {
        UdpCounters {
            in_datagrams: self.in_datagrams.saturating_sub(earlier.in_datagrams),
            no_ports: self.no_ports.saturating_sub(earlier.no_ports),
            in_errors: self.in_errors.saturating_sub(earlier.in_errors),
            out_datagrams: self.out_datagrams.saturating_sub(earlier.out_datagrams),
            receive_buffer_errors: self.receive_buffer_errors.saturating_sub(earlier.receive_buffer_errors),
            send_buffer_errors: self.send_buffer_errors.saturating_sub(earlier.send_buffer_errors),
        }
    }
}

/// Reads the counters.
pub fn udp_counters() -> io::Result<UdpCounters> {
    let v4 = read_net("snmp")?;
    // A machine without IPv6 has no such file.
    let v6 = read_net("snmp6").unwrap_or_default();
    let count = |name: &str| in_snmp(&v4, name).unwrap_or(0) + in_snmp6(&v6, name).unwrap_or(0);
    Ok(UdpCounters {
        in_datagrams: count("InDatagrams"),
        no_ports: count("NoPorts"),
        in_errors: count("InErrors"),
        out_datagrams: count("OutDatagrams"),
        receive_buffer_errors: count("RcvbufErrors"),
        send_buffer_errors: count("SndbufErrors"),
    })
}

/// One row of a socket table.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    unsent_bytes: u32,
    unread_bytes: u32,
    inode: u64,
    drops: u64,
}

/// The sockets of a protocol, of both IP versions.
fn sockets(protocol: &str) -> io::Result<Vec<Socket>> {
    let mut all = table(protocol)?;
    all.extend(table(&format!("{protocol}6"))?);
    Ok(all)
}

/// One table. A machine without IPv6 has no IPv6 table, and no IPv6 socket either.
fn table(file: &str) -> io::Result<Vec<Socket>> {
    match read_net(file) {
        Ok(text) => Ok(text.lines().filter_map(parse_row).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.ends_with('6') => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn read_net(file: &str) -> io::Result<String> {
    if cfg!(target_os = "linux") {
        fs::read_to_string(format!("/proc/self/net/{file}"))
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// `sl local remote state tx:rx timer:when retries uid timeout inode references pointer [drops]`. The line of titles
/// gives `None`.
fn parse_row(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (unsent, unread) = fields.get(4)?.split_once(':')?;
    Some(Socket {
        local: parse_address(fields.get(1)?)?,
        remote: parse_address(fields.get(2)?)?,
        state: u8::from_str_radix(fields.get(3)?, 16).ok()?,
        unsent_bytes: u32::from_str_radix(unsent, 16).ok()?,
        unread_bytes: u32::from_str_radix(unread, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
        // The thirteenth field of UDP. TCP has something else there.
        drops: fields.get(12).and_then(|field| field.parse().ok()).unwrap_or(0),
    })
}

/// `address:port` in hexadecimal. Each 32 bits of the address are in network order in memory, and the kernel prints
/// them as a number of this machine. The port is a plain number.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |index: usize| {
        let digits = address.get(8 * index..8 * index + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut octets = [0; 16];
            for (index, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

/// Turns a mapped IPv4 address of an IPv6 socket into a plain one, and removes the scope.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// `Udp: NAME NAME ...` and below it `Udp: COUNT COUNT ...`.
fn in_snmp(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let column = lines.next()?.split_whitespace().position(|title| title == name)?;
    lines.next()?.split_whitespace().nth(column)?.parse().ok()
}

/// `Udp6NAME COUNT`, one a line.
fn in_snmp6(text: &str, name: &str) -> Option<u64> {
    let count = |line: &str| line.strip_prefix("Udp6")?.strip_prefix(name)?.trim().parse().ok();
    text.lines().find_map(count)
}

#[cfg(test)]
mod tests;
