//! The four messages as bytes. Serves client and server.

/// The version of the protocol.
const VERSION: u8 = 1;

/// The message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Request,
    Reply,
    Done,
    Results,
}

impl Due {
    /// Its whole length in bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Request => 3,
            Self::Reply => 4,
            Self::Done => 2,
            Self::Results => 10,
        }
    }

    fn kind(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
            Self::Done => 3,
            Self::Results => 4,
        }
    }

    /// What is wrong with the bytes of the message so far.
    pub(crate) fn fault(self, message: &[u8]) -> Option<&'static str> {
        match (self, message) {
            (_, [version, ..]) if *version != VERSION => Some("another version of the protocol"),
            (_, [_, kind, ..]) if *kind != self.kind() => Some("not the message that is due"),
            (Self::Request, [_, _, test, ..]) if !(1..=4).contains(test) => Some("no such test"),
            (Self::Reply, [_, _, 0, 0, ..]) => Some("0 is no port"),
            _ => None,
        }
    }
}

/// The kind of test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    TcpStream,
    TcpRr,
    UdpStream,
    UdpRr,
}

impl Test {
    const ALL: [(Self, &'static str); 4] = [
        (Self::TcpStream, "TCP_STREAM"),
        (Self::TcpRr, "TCP_RR"),
        (Self::UdpStream, "UDP_STREAM"),
        (Self::UdpRr, "UDP_RR"),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|&(test, _)| test)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(test, _)| *test == self).map_or("", |&(_, name)| name)
    }

    /// The test with this number, which is in range.
    pub(crate) fn numbered(number: u8) -> Self {
        match number {
            1 => Self::TcpStream,
            2 => Self::TcpRr,
            3 => Self::UdpStream,
            _ => Self::UdpRr,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::TcpStream => 1,
            Self::TcpRr => 2,
            Self::UdpStream => 3,
            Self::UdpRr => 4,
        }
    }

    pub(crate) fn over_tcp(self) -> bool {
        matches!(self, Self::TcpStream | Self::TcpRr)
    }

    /// Whether the server answers each message.
    pub(crate) fn answers(self) -> bool {
        matches!(self, Self::TcpRr | Self::UdpRr)
    }
}

pub(crate) fn request(test: Test) -> [u8; 3] {
    [VERSION, 1, test.number()]
}

pub(crate) fn reply(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [VERSION, 2, high, low]
}

pub(crate) fn done() -> [u8; 2] {
    [VERSION, 3]
}

pub(crate) fn results(datagrams: u64) -> [u8; 10] {
    let mut message = [0; 10];
    message[0] = VERSION;
    message[1] = 4;
    message[2..].copy_from_slice(&datagrams.to_be_bytes());
    message
}
