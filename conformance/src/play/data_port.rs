//! The test port that the runner announces when it plays the server of the control protocol: TCP and UDP under one
//! number. It reads slowly, and echoes for the round-trip tests. So a client that measures is graded by the control
//! protocol as fairly as one that only waits, and takes no processor time from other cases.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::socket;

/// The time for one read or one echo. It slows the client's own loop down.
const PACE: Duration = Duration::from_millis(2);

/// How many port numbers are tried until one is free for both TCP and UDP.
const TRIES: usize = 32;

/// The open port. Its threads end with the process: a worker lives for one case.
pub(super) struct DataPort {
    port: u16,
    echo: Arc<AtomicBool>,
}

impl DataPort {
    /// Opens a free port for both protocols and serves it.
    pub(super) fn open() -> io::Result<Self> {
        let (listener, datagrams) = pair()?;
        let port = listener.local_addr()?.port();
        let echo = Arc::new(AtomicBool::new(false));
        let for_streams = Arc::clone(&echo);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let echo = Arc::clone(&for_streams);
                thread::spawn(move || take_stream(stream, &echo));
            }
        });
        let for_datagrams = Arc::clone(&echo);
        thread::spawn(move || take_datagrams(&datagrams, &for_datagrams));
        Ok(Self { port, echo })
    }

    /// The number.
    pub(super) fn number(&self) -> u16 {
        self.port
    }

    /// Echoes from now on: the client has asked for a round-trip test.
    pub(super) fn echo(&self) {
        self.echo.store(true, Ordering::Relaxed);
    }
}

/// A port number that is free for both protocols. Its two bytes differ, so that a wrong byte order shows.
pub(super) fn pair() -> io::Result<(TcpListener, UdpSocket)> {
    let mut last = io::Error::other("no port tried");
    for _ in 0..TRIES {
        let listener: TcpListener = socket::listen(0)?.into();
        listener.set_nonblocking(false)?;
        let address = SocketAddr::new(listener.local_addr()?.ip(), listener.local_addr()?.port());
        if address.port() == address.port().swap_bytes() {
            continue;
        }
        match UdpSocket::bind(address) {
            Ok(datagrams) => return Ok((listener, datagrams)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn take_stream(mut stream: TcpStream, echo: &AtomicBool) {
    let mut buffer = vec![0; 32 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        thread::park_timeout(PACE);
        if echo.load(Ordering::Relaxed) && stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

fn take_datagrams(datagrams: &UdpSocket, echo: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        // A failed receive is an ICMP error for an earlier echo: that client is gone, others may come.
        let Ok((length, from)) = datagrams.recv_from(&mut buffer) else { continue };
        // Meanwhile the kernel drops what a flood sends: that costs the least.
        thread::park_timeout(PACE);
        if echo.load(Ordering::Relaxed) {
            let _ = datagrams.send_to(&buffer[..length], from);
        }
    }
}
