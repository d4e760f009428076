//! The command line of the documents (P3, "Project Objectives") and our additions, read into what the program runs on.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::protocol::message::TestType;

/// The TCP port of the control connection (P3, "Communication Protocol").
pub const CONTROL_PORT: u16 = 5678;

/// The longest message of TCP_STREAM, in bytes: a test holds 16 of them in memory.
const MOST_MESSAGE_BYTES: usize = 1 << 20;

/// The most payload that a datagram over IPv4 has: 65535 bytes with the headers of IP (20) and UDP (8).
const MOST_DATAGRAM_BYTES: usize = 65_507;

const EXIT_STATUS: &str =
    "Exit status: 0 done, 1 the test failed, 2 wrong usage, 130 the client was interrupted";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Config {
    /// `--client`
    Client(ClientConfig),
    /// `--server`
    Server(ServerConfig),
}

/// What a client runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// `--target`: host name or address of the server.
    pub target: String,
    /// `--test`
    pub test: TestType,
    /// `--time`: how long the data thread runs, whole seconds.
    pub time: Duration,
    /// `--port`: the server's control port.
    pub port: u16,
    /// `--bind`: the address to connect from.
    pub bind: Option<IpAddr>,
    /// `--no-data`: the data thread opens, waits and closes without traffic.
    pub no_data: bool,
    /// `--json`: the report as one JSON document, and nothing else on standard output.
    pub json: bool,
    /// `--interval`: the time between two live lines; none if `None`.
    pub interval: Option<Duration>,
    /// `--length`: bytes of a message or datagram of the STREAM tests.
    pub length: Option<usize>,
    /// `--rate`: bits of payload per second of the STREAM tests.
    pub rate: Option<u64>,
    /// `--busy-poll`: spin for replies where that is faster.
    pub busy_poll: bool,
    /// `--copy`: the payload comes from the program's memory.
    pub copy: bool,
    /// Not `--no-offload`: the system may cut the datagrams of UDP_STREAM.
    pub offload: bool,
}

/// What a server runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `--port`: the control port; 0 for a free one.
    pub port: u16,
    /// `--bind`: the address to listen on; all addresses of both families if `None`.
    pub bind: Option<IpAddr>,
    /// `--control-timeout`: the silence on the control connection that ends a test.
    pub control_timeout: Duration,
    /// `--no-data`: the data thread opens, waits and closes without traffic.
    pub no_data: bool,
    /// `--busy-poll`: spin for requests where that is faster.
    pub busy_poll: bool,
    /// `--copy`: every byte of the payload is read.
    pub copy: bool,
    /// Not `--no-offload`: the system may join the datagrams of UDP_STREAM.
    pub offload: bool,
}

impl Config {
    /// Reads a whole command line, the program's name first.
    ///
    /// # Errors
    /// Clap's: a usage error, or the text of `--help` or `--version`.
    pub fn parse_from<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        Arguments::try_parse_from(args)?.into_config()
    }
}

/// Network tester: bandwidth and latency between two hosts, over TCP and UDP
#[derive(Debug, Parser)]
#[command(name = "tester", version, args_override_self = true, after_help = EXIT_STATUS)]
#[command(group(clap::ArgGroup::new("role").required(true)))]
struct Arguments {
    /// Run as the client: connect to a server, run one test, report
    #[arg(long, group = "role")]
    client: bool,

    /// Run as the server: wait for clients and serve them one after the other
    #[arg(long, group = "role")]
    server: bool,

    /// What to measure (client; no effect on a server)
    #[arg(long, value_name = "TEST", default_value = TestType::TcpStream.name(), value_parser = test_parser())]
    test: TestType,

    /// Host name or address of the server (client only)
    #[arg(
        long,
        value_name = "HOST",
        default_value = "localhost",
        conflicts_with = "server",
        value_parser = NonEmptyStringValueParser::new()
    )]
    target: String,

    /// How long to measure, in whole seconds (client; no effect on a server)
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = whole_seconds)]
    time: Duration,

    /// TCP port of the control connection; a server takes 0 for a free one and prints it
    #[arg(long, value_name = "PORT", default_value_t = CONTROL_PORT)]
    port: u16,

    /// Address to listen on (server: all, if not given) or to connect from (client)
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,

    /// Open and close the data thread without sending any test data
    #[arg(long)]
    no_data: bool,

    /// Report as one JSON document on standard output, everything else on standard error (client)
    #[arg(long)]
    json: bool,

    /// Time between two live lines on standard error, 0 for none; fractions are allowed (client)
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds_or_none)]
    interval: Duration,

    /// Bytes of a message (TCP_STREAM: 65536) or datagram (UDP_STREAM: 1472), with K or M for 2^10 or 2^20 (client)
    #[arg(long, value_name = "BYTES", value_parser = length)]
    length: Option<usize>,

    /// Send no faster than this many bits per second over the test, in whole messages (see --length), with k, M or G for
    /// 10^3, 10^6 or 10^9 (client, STREAM tests)
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<u64>,

    /// Spin up to 50 us for each message of the RR tests, where that is faster than to block (both sides)
    #[arg(long)]
    busy_poll: bool,

    /// Pass every byte of the STREAM tests through the program (both sides)
    #[arg(long)]
    copy: bool,

    /// Send and receive each datagram of UDP_STREAM by itself (both sides)
    #[arg(long)]
    no_offload: bool,

    /// Silence on the control connection after which the server gives a client up; fractions are allowed
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = positive_seconds)]
    control_timeout: Duration,
}

impl Arguments {
    fn into_config(self) -> Result<Config, clap::Error> {
        let Self { client, server: _, test, target, time, port, bind, no_data, control_timeout, .. } = self;
        let Self { json, interval, length, rate, busy_poll, copy, no_offload, .. } = self;
        let (offload, interval) = (!no_offload, Some(interval).filter(|interval| !interval.is_zero()));
        if !client {
            return Ok(Config::Server(ServerConfig {
                port,
                bind,
                control_timeout,
                no_data,
                busy_poll,
                copy,
                offload,
            }));
        }
        let wrong = |message: String| Err(Self::command().error(ErrorKind::ValueValidation, message));
        if port == 0 {
            return wrong(
                "--port 0 (any free port) is for a server: a client has to name the server's".to_owned(),
            );
        }
        if matches!(test, TestType::TcpRr | TestType::UdpRr) && (length.is_some() || rate.is_some()) {
            return wrong(format!(
                "--length and --rate are for the STREAM tests: {test} sends one byte at a time"
            ));
        }
        if let Some(length) = length
            && test.is_udp()
            && length > MOST_DATAGRAM_BYTES
        {
            return wrong(format!(
                "--length {length} is more than a datagram holds ({MOST_DATAGRAM_BYTES} bytes)"
            ));
        }
        Ok(Config::Client(ClientConfig {
            target,
            test,
            time,
            port,
            bind,
            no_data,
            json,
            interval,
            length,
            rate,
            busy_poll,
            copy,
            offload,
        }))
    }
}

fn test_parser() -> impl TypedValueParser<Value = TestType> {
    PossibleValuesParser::new(TestType::ALL.map(TestType::name)).try_map(|name| name.parse::<TestType>())
}

/// Why a text is no value of an option.
#[derive(Debug, thiserror::Error)]
enum ValueError {
    #[error("not a whole number of seconds from 0 to {}", u32::MAX)]
    NoWholeSeconds,
    #[error("not a number of seconds")]
    NoSeconds,
    #[error("more than 0 is needed")]
    Zero,
    #[error(transparent)]
    Seconds(#[from] std::time::TryFromFloatSecsError),
    #[error("not a number of bytes from 1 to {MOST_MESSAGE_BYTES}")]
    NoLength,
    #[error("not a rate: a number with k, M or G for 10^3, 10^6 or 10^9 bits per second, as 100M")]
    NoRate,
}

fn whole_seconds(text: &str) -> Result<Duration, ValueError> {
    // 32 bits are 136 years: no clock overflows on them.
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => Err(ValueError::NoWholeSeconds),
    }
}

fn positive_seconds(text: &str) -> Result<Duration, ValueError> {
    let seconds: f64 = text.parse().map_err(|_| ValueError::NoSeconds)?;
    match Duration::try_from_secs_f64(seconds)? {
        Duration::ZERO => Err(ValueError::Zero),
        duration => Ok(duration),
    }
}

fn seconds_or_none(text: &str) -> Result<Duration, ValueError> {
    if text.parse() == Ok(0.0) { Ok(Duration::ZERO) } else { positive_seconds(text) }
}

fn length(text: &str) -> Result<usize, ValueError> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
    bytes.filter(|bytes| (1..=MOST_MESSAGE_BYTES).contains(bytes)).ok_or(ValueError::NoLength)
}

fn rate(text: &str) -> Result<u64, ValueError> {
    let units = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9)];
    let parts = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)));
    let bits = parts.and_then(|(number, unit)| Some(number.parse::<f64>().ok()? * unit));
    match bits {
        // Up to a petabit, which 64 bits hold and no line carries.
        Some(bits) if (1.0..=1e15).contains(&bits) => Ok(bits as u64),
        _ => Err(ValueError::NoRate),
    }
}
