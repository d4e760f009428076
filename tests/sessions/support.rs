//! A tester as a real process, for the tests of whole sessions: started, read line by line, signalled, always reaped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// For what happens at once on a machine that is busy with something else as well. Never slept through.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A running tester. Killed when it goes out of scope.
pub(crate) struct Tester {
    child: Child,
    lines: Receiver<Line>,
    /// All lines so far, in the order in which they were read.
    pub(crate) seen: Vec<Line>,
    unclaimed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Out(String),
    Err(String),
}

impl Tester {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_tester")).args(args))
    }

    /// Starts a command that becomes a tester.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let out_sender = sender.clone();
        std::thread::spawn(move || forward(out, |line| out_sender.send(Line::Out(line)).is_ok()));
        std::thread::spawn(move || forward(err, |line| sender.send(Line::Err(line)).is_ok()));
        Self { child, lines, seen: Vec::new(), unclaimed: Vec::new() }
    }

    /// A client of the server on `port`.
    pub(crate) fn client(port: u16, args: &[&str]) -> Self {
        Self::start(&[&["--client", "--target=127.0.0.1", "--port", &port.to_string()], args].concat())
    }

    /// A server on a free port, ready.
    pub(crate) fn server(args: &[&str]) -> (Self, u16) {
        let mut server = Self::start(&[&["--server", "--port=0"], args].concat());
        let port = server.listening();
        (server, port)
    }

    /// Waits until a server has found a free port, and returns it.
    pub(crate) fn listening(&mut self) -> u16 {
        let line = self.line("listening on ");
        let (_, port) = line.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    /// Waits for a line that holds `part`, on either stream, and claims it: it answers no second call. Lines of the
    /// two streams come in no order that can be relied on.
    pub(crate) fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(index) = self.unclaimed.iter().position(|text| text.contains(part)) {
                return self.unclaimed.remove(index);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {part:?} in {:#?}", self.seen);
            };
            let (Line::Out(text) | Line::Err(text)) = &line;
            self.unclaimed.push(text.clone());
            self.seen.push(line);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end of the process and of its output; returns its status and how long that took.
    pub(crate) fn end(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        // Both streams end with the process.
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => self.seen.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(timeout) => panic!("still running ({timeout}), after {:#?}", self.seen),
            }
        }
        let status = self.child.wait().unwrap();
        (status, started.elapsed())
    }

    pub(crate) fn out(&self) -> Vec<&str> {
        self.seen
            .iter()
            .filter_map(|line| if let Line::Out(text) = line { Some(&text[..]) } else { None })
            .collect()
    }

    pub(crate) fn err(&self) -> Vec<&str> {
        self.seen
            .iter()
            .filter_map(|line| if let Line::Err(text) = line { Some(&text[..]) } else { None })
            .collect()
    }

    /// The process' open descriptors and its threads.
    #[cfg(target_os = "linux")]
    pub(crate) fn holds(&self) -> (usize, usize) {
        let count = |what| std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).unwrap().count();
        (count("fd"), count("task"))
    }
}

impl Drop for Tester {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn forward(stream: impl Read, mut send: impl FnMut(String) -> bool) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if !send(line) {
            return;
        }
    }
}

/// The other end of a control connection, played byte by byte.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) fn connect(port: u16) -> Self {
        Self::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn receive<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Receives until the other side's end: an end-of-file or a reset. A silence of [`SOON`] is a failure.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("not closed: {error}, after {rest:02x?}"),
        }
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A whole valid session; returns the test port.
pub(crate) fn session(port: u16, test: u8) -> u16 {
    let mut peer = Peer::connect(port);
    peer.send(&[1, 1, test]);
    let [version, kind, high, low] = peer.receive();
    assert_eq!([version, kind], [1, 2]);
    peer.send(&[1, 3]);
    assert_eq!(peer.rest(), [1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    u16::from_be_bytes([high, low])
}

/// A listening socket for a scripted server.
pub(crate) fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
