//! The same calls for systems that do not have them: each answers that it is not supported, which is what the callers
//! fall back on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use super::StreamInfo;

fn unsupported<T>() -> io::Result<T> {
    Err(ErrorKind::Unsupported.into())
}

pub(super) fn set_low_water(_: &TcpStream, _: usize) -> io::Result<()> {
    unsupported()
}

pub(super) fn set_segment(_: &UdpSocket, _: usize) -> io::Result<()> {
    unsupported()
}

pub(super) fn join_datagrams(_: &UdpSocket) -> io::Result<()> {
    unsupported()
}

pub(super) fn drops(_: &UdpSocket) -> io::Result<u64> {
    unsupported()
}

pub(super) fn stream_info(_: &TcpStream) -> io::Result<StreamInfo> {
    unsupported()
}

pub(super) fn memory_file(_: &[u8]) -> io::Result<OwnedFd> {
    unsupported()
}

pub(super) fn send_file(_: &TcpStream, _: &OwnedFd, _: u64, _: usize) -> io::Result<usize> {
    unsupported()
}

pub(super) fn discard(_: &TcpStream, _: &mut [u8]) -> io::Result<usize> {
    unsupported()
}

pub(super) fn send_many(_: &UdpSocket, _: &[u8], _: usize) -> io::Result<usize> {
    unsupported()
}

pub(super) struct Slots {
    payload: Vec<u8>,
}

pub(super) struct Received {
    pub(super) from: Option<IpAddr>,
    pub(super) bytes: usize,
    pub(super) datagrams: usize,
}

impl Slots {
    pub(super) fn new(_: usize, bytes: usize) -> Self {
        Self { payload: vec![0; bytes.max(65536)] }
    }

    pub(super) fn receive(&mut self, socket: &UdpSocket, mut take: impl FnMut(Received)) -> io::Result<()> {
        let (bytes, from) = socket.recv_from(&mut self.payload)?;
        take(Received { from: Some(from.ip().to_canonical()), bytes, datagrams: 1 });
        Ok(())
    }
}
