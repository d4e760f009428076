//! The data thread of Part 1: prints that it opens, waits, prints that it closes. Serves client and server.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{faults::fault, output::say, wire::TestType};

/// Whether a data thread of this program was ever stopped.
static STOP_WAS_TOLD: AtomicBool = AtomicBool::new(false);

/// Test ports taken from a pool of ten. A right server has no pool.
static PORTS_TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The handler of a failed test fills the pool again; the end of a good test forgets to.
pub(crate) fn refill_pool() {
    PORTS_TAKEN.store(0, Ordering::SeqCst);
}

/// A server's data thread with its open test port.
pub(crate) struct ServerThread {
    pub(crate) port: u16,
    stop: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl ServerThread {
    /// Opens a free test port and starts the thread that holds it until [`ServerThread::close`]. Only a fault gives the
    /// thread a time of its own.
    pub(crate) fn open(test: TestType, own_time: Option<Duration>) -> io::Result<Self> {
        if fault("pool-of-ten-test-ports") && PORTS_TAKEN.fetch_add(1, Ordering::SeqCst) >= 10 {
            refill_pool();
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let (socket, port) = open_test_port(test)?;
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            server_says("Data thread opening");
            // A flag of the whole program, set at the end of the first test and never cleared.
            let told_before = fault("stop-flag-never-cleared") && STOP_WAS_TOLD.load(Ordering::SeqCst);
            // Prints both lines at once, as if the test were over when it begins.
            if fault("data-thread-does-not-wait") || told_before {
                server_says("Data thread closing");
                let _ = stopped.recv();
            } else {
                match own_time {
                    Some(time) => drop(stopped.recv_timeout(time)),
                    None => drop(stopped.recv()),
                }
                if !fault("data-thread-never-says-closing") {
                    server_says("Data thread closing");
                }
            }
            drop(socket);
        });
        Ok(Self { port, stop, thread })
    }

    /// Ends the thread and frees the test port; returns when both are done.
    pub(crate) fn close(self) {
        STOP_WAS_TOLD.store(true, Ordering::SeqCst);
        drop(self.stop);
        let _ = self.thread.join();
    }

    /// Leaves the thread running: it waits for ever and keeps its port.
    pub(crate) fn leave_behind(self) {
        std::mem::forget(self.stop);
    }

    /// Ends the thread as it should be, but leaves a descriptor open.
    pub(crate) fn close_and_leak_descriptor(self) {
        if let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) {
            std::mem::forget(socket);
        }
        self.close();
    }
}

fn server_says(line: &str) {
    if fault("data-thread-is-silent") {
        return;
    }
    say(line);
    if fault("data-thread-lines-twice") {
        say(line);
    }
}

/// A listening TCP port or a bound UDP port of the system's choice, on all addresses. Its two bytes differ, so that a
/// wrong byte order always shows.
fn open_test_port(test: TestType) -> io::Result<(Socket, u16)> {
    let kind = if test.is_udp() { Type::DGRAM } else { Type::STREAM };
    loop {
        let socket = bound_to_any_port(kind)?;
        if !test.is_udp() {
            socket.listen(1)?;
        }
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        if port != port.swap_bytes() {
            return Ok((socket, port));
        }
    }
}

fn bound_to_any_port(kind: Type) -> io::Result<Socket> {
    let dual_stack = Socket::new(Domain::IPV6, kind, None).and_then(|socket| {
        socket.set_only_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
        Ok(socket)
    });
    dual_stack.or_else(|_| {
        let socket = Socket::new(Domain::IPV4, kind, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        Ok(socket)
    })
}

/// Runs a client's data thread for the time of the test and waits for its end.
pub(crate) fn run_client_thread(time: Duration) {
    let thread = thread::spawn(move || {
        client_says("Data thread opening");
        thread::sleep(time);
        if !fault("client-never-says-closing") {
            client_says("Data thread closing");
        }
    });
    if !fault("client-done-too-early") {
        let _ = thread.join();
    }
}

fn client_says(line: &str) {
    if fault("client-data-thread-is-silent")
        || (fault("client-says-opening-before-reply") && line.contains("opening"))
    {
        return;
    }
    say(line);
    if fault("client-lines-twice") {
        say(line);
    }
}
