//! What the runner can do to a tester in one step of an explored conversation. Plain data.

use crate::model::case::TestType;

/// One of the runner's connections in a conversation, numbered from 0 in the order in which they were dealt.
pub type Peer = usize;

/// One thing that the runner does.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// Opens a connection to a server.
    Open(Peer, Route),
    /// Sends bytes, in segments of these lengths.
    Send(Peer, Vec<Vec<u8>>),
    /// Waits for all that is due.
    Await,
    /// Waits for so many milliseconds, in which nothing may come.
    Rest(Peer, u32),
    /// Sends no more until the server's silence timeout closes.
    Starve(Peer),
    /// Shuts its sending side down.
    HalfClose(Peer),
    /// Closes.
    Close(Peer),
    /// Resets.
    Reset(Peer),
    /// Moves data of the current test (Part 2).
    Data(Peer, Load),
    /// Two equal blocks of sessions that the runner leaves after so many bytes, and a look at what the server still holds.
    Leave {
        /// Sessions in each block.
        sessions: usize,
        /// Bytes of Request and Done before it leaves.
        after: usize,
        /// Whether it resets.
        reset: bool,
    },
    /// So many whole sessions in a row.
    Sessions(usize),
    /// Interrupts the tester. The last thing of a conversation, but for a restart.
    Interrupt,
    /// Starts it again.
    Restart,
}

/// How a connection reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// 127.0.0.1
    Loopback,
    /// ::1
    Ipv6,
    /// An address that is not loopback.
    External,
}

/// Data of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// So many messages of so many bytes, with time to read them.
    Messages(usize, usize),
    /// So many round trips of so many bytes.
    RoundTrips(usize, usize),
    /// So many small datagrams that Done follows while the server is held still.
    InFlight(usize),
    /// So many datagrams from another address.
    Strangers(usize),
}

impl Stimulus {
    /// The connection that it is about.
    pub fn peer(&self) -> Option<Peer> {
        match self {
            Self::Open(peer, _)
            | Self::Send(peer, _)
            | Self::Rest(peer, _)
            | Self::Starve(peer)
            | Self::HalfClose(peer)
            | Self::Close(peer)
            | Self::Reset(peer)
            | Self::Data(peer, _) => Some(*peer),
            Self::Await | Self::Leave { .. } | Self::Sessions(_) | Self::Interrupt | Self::Restart => None,
        }
    }

    /// Simpler things that may show the same, the boldest first.
    pub fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Open(peer, route) if *route != Route::Loopback => vec![Self::Open(*peer, Route::Loopback)],
            Self::Send(peer, segments) => {
                simpler_bytes(segments).into_iter().map(|bytes| Self::Send(*peer, bytes)).collect()
            }
            Self::Data(peer, load) => {
                load.simpler().into_iter().map(|load| Self::Data(*peer, load)).collect()
            }
            Self::Sessions(count) if *count > 1 => [1, count / 2, count - 1]
                .into_iter()
                .filter(|fewer| fewer < count && *fewer > 0)
                .map(Self::Sessions)
                .collect(),
            Self::Leave { sessions, after, reset: true } => {
                vec![Self::Leave { sessions: *sessions, after: *after, reset: false }]
            }
            _ => Vec::new(),
        }
    }
}

/// The same bytes in fewer segments, fewer bytes, or a simpler test.
fn simpler_bytes(segments: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let whole = segments.concat();
    let mut simpler = Vec::new();
    if segments.len() > 1 {
        simpler.push(vec![whole.clone()]);
    }
    if segments.len() > 2 {
        for joint in 1..segments.len() {
            let mut joined = segments.to_vec();
            let right = joined.remove(joint);
            joined[joint - 1].extend(right);
            simpler.push(joined);
        }
    }
    if whole.len() > 8 {
        simpler.push(vec![whole[..whole.len() / 2].to_vec()]);
        simpler.push(vec![whole[..whole.len() - 1].to_vec()]);
    }
    if let [1, 1, test @ 2..=4, ..] = whole[..] {
        let first_test = |segments: &[Vec<u8>]| {
            let mut place = 0;
            let mut segments = segments.to_vec();
            for segment in &mut segments {
                for byte in segment {
                    if place == 2 {
                        *byte = TestType::TcpStream as u8;
                    }
                    place += 1;
                }
            }
            segments
        };
        debug_assert!(test > 1);
        simpler.push(first_test(segments));
    }
    simpler
}

impl Load {
    fn simpler(self) -> Vec<Self> {
        let fewer =
            |count: usize| [1, count / 2].into_iter().filter(move |fewer| *fewer > 0 && *fewer < count);
        match self {
            Self::Messages(count, length) => {
                fewer(count).map(|count| Self::Messages(count, length)).collect()
            }
            Self::RoundTrips(count, length) => {
                fewer(count).map(|count| Self::RoundTrips(count, length)).collect()
            }
            Self::InFlight(count) => fewer(count).map(Self::InFlight).collect(),
            Self::Strangers(count) => fewer(count).map(Self::Strangers).collect(),
        }
    }
}
