//! The command line of the documents (P3, "Project Objectives") and our additions, read into what the program runs on.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::protocol::message::TestType;

/// The TCP port of the control connection (P3, "Communication Protocol").
pub const CONTROL_PORT: u16 = 5678;

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

    /// Silence on the control connection after which the server gives a client up; fractions are allowed
    #[arg(long, value_name = "SECONDS", default_value = "45", value_parser = positive_seconds)]
    control_timeout: Duration,
}

impl Arguments {
    fn into_config(self) -> Result<Config, clap::Error> {
        let Self { client, server: _, test, target, time, port, bind, no_data, control_timeout } = self;
        if !client {
            return Ok(Config::Server(ServerConfig { port, bind, control_timeout, no_data }));
        }
        if port == 0 {
            let message = "--port 0 (any free port) is for a server: a client has to name the server's";
            return Err(Self::command().error(ErrorKind::ValueValidation, message));
        }
        Ok(Config::Client(ClientConfig { target, test, time, port, bind, no_data }))
    }
}

fn test_parser() -> impl TypedValueParser<Value = TestType> {
    PossibleValuesParser::new(TestType::ALL.map(TestType::name)).try_map(|name| name.parse::<TestType>())
}

fn whole_seconds(text: &str) -> Result<Duration, String> {
    // 32 bits are 136 years: no clock overflows on them.
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => Err(format!("not a whole number of seconds from 0 to {}", u32::MAX)),
    }
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("more than 0 is needed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
