//! The words of a fixture about test data: what the runner's own test port does with a client's data, what the runner
//! sends to a server's test port, and what must be seen.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::step::Facts;

/// Words of a fixture that name nothing on the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DataWordsError {
    /// Neither of the two protocols.
    #[error("`{0}` is neither tcp nor udp")]
    Transport(String),
    /// Not a way to handle a client's data.
    #[error(
        "`{0}` is no way to treat data: take, take slowly, `take, slowing after 1s`, echo, `echo, slowing after 1s`, \
         `echo, holding every 10th for 20ms` and `echo, losing every 4th` are known"
    )]
    PortMode(String),
    /// Not a number of messages and their length.
    #[error("`{0}` is no amount such as `1000 of 1472` (messages of bytes)")]
    Amount(String),
    /// Nothing that can be seen of a client's data.
    #[error(
        "`{0}` is nothing to see: over tcp, over udp, without pause, in datagrams of 1472, one at a time and beyond a \
         loss are known"
    )]
    Sight(String),
    /// Nothing that a client reports.
    #[error("`{0}` is no figure: throughput, round trips and loss are known")]
    Figure(String),
}

/// What a test's data travels over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The TCP tests.
    Tcp,
    /// The UDP tests.
    Udp,
}

impl Transport {
    /// Reads `tcp` or `udp`.
    pub(crate) fn parse(text: &str) -> Result<Self, DataWordsError> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            other => Err(DataWordsError::Transport(other.to_owned())),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// What the runner's test port does with a client's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortMode {
    /// Takes everything as fast as it comes.
    Take,
    /// Takes a stream far slower than any client sends. So a pause of the client shows.
    TakeSlowly,
    /// Takes everything at full speed, and after this time as slowly as `TakeSlowly`.
    TakeSlowing {
        /// Since the first byte.
        after: Duration,
    },
    /// Returns every byte or datagram at once.
    Echo,
    /// The same, and after this time about 5 ms later.
    EchoSlowing {
        /// Since the first byte or datagram.
        after: Duration,
    },
    /// The same, but one reply in every few comes later.
    EchoHolding {
        /// One of this many.
        every: u64,
        /// How much later.
        time: Duration,
    },
    /// The same, but one datagram in every few gets no reply and is not counted.
    EchoLosing {
        /// One of this many.
        every: u64,
    },
}

impl PortMode {
    /// Reads `take`, `take slowly`, `take, slowing after 1s`, `echo`, `echo, slowing after 1s`,
    /// `echo, holding every 10th for 20ms` or `echo, losing every 4th`.
    pub(crate) fn parse(text: &str) -> Result<Self, DataWordsError> {
        let unknown = || DataWordsError::PortMode(text.to_owned());
        let every = |ordinal: &str| {
            let digits = ordinal.trim_end_matches(char::is_alphabetic);
            digits.parse().ok().filter(|every| *every > 0).ok_or_else(unknown)
        };
        let duration = |text: &str| humantime::parse_duration(text).map_err(|_| unknown());
        match text {
            "take" => Ok(Self::Take),
            "take slowly" => Ok(Self::TakeSlowly),
            "echo" => Ok(Self::Echo),
            _ => {
                if let Some(after) = text.strip_prefix("take, slowing after ") {
                    return Ok(Self::TakeSlowing { after: duration(after)? });
                }
                if let Some(after) = text.strip_prefix("echo, slowing after ") {
                    return Ok(Self::EchoSlowing { after: duration(after)? });
                }
                if let Some(ordinal) = text.strip_prefix("echo, losing every ") {
                    return Ok(Self::EchoLosing { every: every(ordinal)? });
                }
                let held =
                    text.strip_prefix("echo, holding every ").and_then(|rest| rest.split_once(" for "));
                let (ordinal, time) = held.ok_or_else(unknown)?;
                Ok(Self::EchoHolding { every: every(ordinal)?, time: duration(time)? })
            }
        }
    }
}

/// A number of messages, all of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How many.
    pub messages: u32,
    /// Bytes of each.
    pub bytes: usize,
}

impl Amount {
    /// Reads `1000 of 1472`.
    pub(crate) fn parse(text: &str) -> Result<Self, DataWordsError> {
        let parsed = text.split_once(" of ").and_then(|(messages, bytes)| {
            let messages = messages.trim().parse().ok().filter(|count| (1..=100_000).contains(count))?;
            let bytes = bytes.trim().parse().ok().filter(|bytes| (1..=1 << 20).contains(bytes))?;
            Some(Self { messages, bytes })
        });
        parsed.ok_or_else(|| DataWordsError::Amount(text.to_owned()))
    }
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// The control connection's client.
    Client,
    /// Another address of the machine.
    Stranger,
}

/// What must have been seen of a client's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Data came over this protocol.
    Over(Transport),
    /// A slow reader never had to wait for more.
    WithoutPause,
    /// Every datagram had this length, and they came during the whole test.
    InDatagramsOf(usize),
    /// Nothing came while a reply was held back.
    OneAtATime,
    /// The client continued after a reply that did not come.
    BeyondALoss,
}

impl Sight {
    /// Reads the words of a `data_seen`.
    pub(crate) fn parse(text: &str) -> Result<Self, DataWordsError> {
        match text {
            "over tcp" => Ok(Self::Over(Transport::Tcp)),
            "over udp" => Ok(Self::Over(Transport::Udp)),
            "without pause" => Ok(Self::WithoutPause),
            "one at a time" => Ok(Self::OneAtATime),
            "beyond a loss" => Ok(Self::BeyondALoss),
            _ => {
                let bytes = text.strip_prefix("in datagrams of ").and_then(|bytes| bytes.parse().ok());
                bytes.map(Self::InDatagramsOf).ok_or_else(|| DataWordsError::Sight(text.to_owned()))
            }
        }
    }
}

/// A figure that the client reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Mbit/s, with 10^6 bits in a megabit.
    Throughput,
    /// Round trips a second.
    RoundTrips,
    /// Loss in percent.
    Loss,
}

impl Figure {
    /// Reads the words of a `reports`.
    pub(crate) fn parse(text: &str) -> Result<Self, DataWordsError> {
        match text {
            "throughput" => Ok(Self::Throughput),
            "round trips" => Ok(Self::RoundTrips),
            "loss" => Ok(Self::Loss),
            other => Err(DataWordsError::Figure(other.to_owned())),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "Mbit/s",
            Self::RoundTrips => "round trips/s",
            Self::Loss => "% loss",
        })
    }
}

/// What a step does on the data plane, or what must hold there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataAction {
    /// The announced port is open now.
    PortOpen(Transport),
    /// The announced port is not open any more.
    PortFree {
        /// The protocol of the test.
        over: Transport,
        /// Within this time of the step's begin.
        within: Duration,
    },
    /// The runner sends to the announced port.
    Send {
        /// Over what.
        over: Transport,
        /// How much.
        amount: Amount,
        /// The pause after each message.
        pace: Duration,
        /// From which address.
        from: Sender,
    },
    /// The runner sends each message after the same bytes of the one before it came back.
    RoundTrips {
        /// Over what.
        over: Transport,
        /// How much.
        amount: Amount,
    },
    /// This is true of the data that the client has sent.
    Seen(Sight),
    /// The client prints this figure, and it is right.
    Reports {
        /// Which.
        figure: Figure,
        /// Within this time of the step's begin.
        within: Duration,
    },
    /// The runner's plain sender uses the client's path. The report shows both throughputs.
    Compare,
}

impl DataAction {
    /// What is true of every step that does this.
    pub(super) fn facts(&self) -> Facts {
        let flows = Facts::DUE.awaits("the data to flow");
        match self {
            Self::Send { amount, pace, .. } => flows.lasts(*pace * amount.messages),
            Self::PortFree { .. } => flows.awaits("the test port to be freed"),
            Self::Compare => Facts { can_break: false, ..flows },
            Self::PortOpen(_) | Self::RoundTrips { .. } | Self::Seen(_) | Self::Reports { .. } => flows,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("take slowly", PortMode::TakeSlowly)]
    #[case("take, slowing after 1s", PortMode::TakeSlowing { after: Duration::from_secs(1) })]
    #[case("echo, slowing after 1s", PortMode::EchoSlowing { after: Duration::from_secs(1) })]
    #[case("echo, losing every 4th", PortMode::EchoLosing { every: 4 })]
    #[case(
        "echo, holding every 10th for 20ms",
        PortMode::EchoHolding { every: 10, time: Duration::from_millis(20) }
    )]
    fn modes_are_read(#[case] text: &str, #[case] mode: PortMode) {
        assert_eq!(PortMode::parse(text), Ok(mode));
    }

    #[rstest]
    #[case("give")]
    #[case("echo, losing every 0th")]
    #[case("echo, holding every 10th")]
    #[case("take, slowing after a while")]
    fn other_modes_are_refused(#[case] text: &str) {
        assert!(PortMode::parse(text).is_err());
    }

    #[rstest]
    #[case("1000 of 1472", Some((1000, 1472)))]
    #[case("0 of 1", None)]
    #[case("1000", None)]
    #[case("1 of 0", None)]
    fn amounts_are_messages_of_bytes(#[case] text: &str, #[case] amount: Option<(u32, usize)>) {
        let amount = amount.map(|(messages, bytes)| Amount { messages, bytes });
        assert_eq!(Amount::parse(text).ok(), amount);
    }
}
