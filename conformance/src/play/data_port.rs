//! The test port that the runner announces when it plays the server of the control protocol: TCP and UDP under one
//! number. It reads slowly, and echoes for the round-trip tests. So a client that measures is graded by the control
//! protocol as fairly as one that only waits, and takes no processor time from other cases.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::socket;

/// The time for one read or one echo. It slows the client's own loop down.
const PACE: Duration = Duration::from_millis(8);

/// The most bytes of one read: 8 MB in a second. A client that writes 1 MiB at once waits 0.13 s for it, far less than
/// the end of its test may be late.
const READ_BYTES: usize = 64 << 10;

/// How many port numbers are tried until one is free for both TCP and UDP.
const TRIES: usize = 32;

/// The open port. It closes when this value is dropped.
pub(super) struct DataPort {
    port: u16,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    echo: AtomicBool,
    closed: AtomicBool,
    /// The connections that were accepted.
    streams: Mutex<Vec<TcpStream>>,
}

impl DataPort {
    /// Opens a free port for both protocols and serves it.
    pub(super) fn open() -> io::Result<Self> {
        let (listener, datagrams) = pair()?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let for_streams = Arc::clone(&shared);
        thread::spawn(move || accept_streams(&listener, &for_streams));
        let for_datagrams = Arc::clone(&shared);
        thread::spawn(move || take_datagrams(&datagrams, &for_datagrams));
        Ok(Self { port, address: (Ipv4Addr::LOCALHOST, port).into(), shared })
    }

    /// The number.
    pub(super) fn number(&self) -> u16 {
        self.port
    }

    /// Echoes from now on: the client has asked for a round-trip test.
    pub(super) fn echo(&self) {
        self.shared.echo.store(true, Ordering::Relaxed);
    }
}

impl Drop for DataPort {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        for stream in locked(&self.shared.streams).drain(..) {
            // Fails if the client has closed it.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // A connection and a datagram of our own wake the threads. If one fails, that thread ends with the process.
        let _ = TcpStream::connect(self.address);
        let _ =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], self.address));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

fn accept_streams(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        // Without a copy, `drop` cannot end this connection, but the end of the client does.
        locked(&shared.streams).extend(stream.try_clone());
        let shared = Arc::clone(shared);
        thread::spawn(move || take_stream(stream, &shared.echo));
    }
}

fn take_stream(mut stream: TcpStream, echo: &AtomicBool) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        thread::park_timeout(PACE);
        if echo.load(Ordering::Relaxed) && stream.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The copy in the list would keep it open. Fails if it is closed already.
    let _ = stream.shutdown(Shutdown::Both);
}

fn take_datagrams(datagrams: &UdpSocket, shared: &Shared) {
    let mut buffer = vec![0; 64 << 10];
    while !shared.closed.load(Ordering::SeqCst) {
        // A failed receive is an ICMP error for an earlier echo: that client is gone, others may come.
        let Ok((length, from)) = datagrams.recv_from(&mut buffer) else { continue };
        // Meanwhile the kernel drops what a flood sends: that costs the least.
        thread::park_timeout(PACE);
        if shared.echo.load(Ordering::Relaxed) {
            let _ = datagrams.send_to(&buffer[..length], from);
        }
    }
}
