//! A network namespace with a loopback of a known kind, the testers in it, and the system's counters of what went through.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use crate::support::{SOON, Tester};

/// What a namespace is made of, and the Debian package of each.
const TOOLS: [(&str, &str); 4] =
    [("unshare", "util-linux"), ("nsenter", "util-linux"), ("ip", "iproute2"), ("tc", "iproute2")];

/// A network namespace whose only device is the loopback. It goes with the process that holds it.
pub(crate) struct Network {
    /// Ends at the end of its input, which ends with this process if not before.
    holder: Child,
}

/// What the system counts of the queue before the loopback. Of a packet that stands for several (segmentation offload)
/// `bytes` and `packets` count each, and `drops` the whole as one, unless the queue has cut it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Queue {
    /// Passed on, headers of the link included.
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) drops: u64,
    /// Packets that are in it.
    #[serde(rename = "qlen")]
    waiting: u64,
}

/// What the system counts of the whole namespace: `Ip.InDelivers` and so on (RFC 4293 and its kin), and the loopback's
/// `lo.bytes` and `lo.packets`, in which a packet that stands for several is one.
pub(crate) struct Counters(BTreeMap<String, u64>);

/// A test that runs.
pub(crate) struct Running {
    server: Tester,
    pub(crate) client: Tester,
}

/// A client's JSON report.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Network {
    /// A loopback of this MTU. Nothing where this machine cannot have one, which it says.
    pub(crate) fn new(mtu: u32) -> Option<Self> {
        Self::make(mtu, None).map_err(|reason| eprintln!("SKIPPED: {reason}")).ok()
    }

    /// The same behind a token bucket, told in tc's words.
    pub(crate) fn limited(mtu: u32, bucket: &str) -> Option<Self> {
        Self::make(mtu, Some(bucket)).map_err(|reason| eprintln!("SKIPPED: {reason}")).ok()
    }

    fn make(mtu: u32, bucket: Option<&str>) -> Result<Self, String> {
        for (tool, package) in TOOLS {
            // Each tells its version, or at least that it does not know the question.
            let asked = Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.map_err(|error| format!("{tool} (Debian package {package}): {error}"))?;
        }
        let network = Self::hold()?;
        network.run(&format!("ip link set lo mtu {mtu} up")).unwrap();
        if let Some(bucket) = bucket {
            network.run(&format!("tc qdisc add dev lo root tbf {bucket}")).map_err(|error| {
                // What the kernel answers for a kind that it was built without.
                assert!(error.contains("qdisc kind is unknown"), "{error}");
                "this kernel has no token bucket (tbf)"
            })?;
        }
        Ok(network)
    }

    /// Makes the namespace, with a user namespace in which an ordinary user may change it.
    fn hold() -> Result<Self, String> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--", "sh", "-c", "echo ready; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut network = Self { holder: command.spawn().unwrap() };
        let mut line = String::new();
        BufReader::new(network.holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != "ready\n" {
            let mut why = String::new();
            network.holder.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            return Err(format!("no namespace can be made here: {}", why.trim()));
        }
        Ok(network)
    }

    /// A program that is to run in the namespace, in the process that is started.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--target", &holder, "--user", "--net", "--preserve-credentials", "--", program]);
        command
    }

    /// Runs a program in the namespace to its end; returns what it said.
    pub(crate) fn run(&self, line: &str) -> Result<String, String> {
        let mut words = line.split_ascii_whitespace();
        let output = self.command(words.next().unwrap()).args(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout);
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("{line}: {}{said}", text(&output.stderr)))
        }
    }

    /// The counters of the token bucket.
    pub(crate) fn queue(&self) -> Queue {
        let said = self.run("tc -s -j qdisc show dev lo").unwrap();
        let [queue]: [Queue; 1] = serde_json::from_str(&said).unwrap();
        queue
    }

    /// Both kinds of counters at one moment: the queue's are the same before and after the namespace's are read. What the
    /// control connection still has under way when a client ends would else be in one and not yet in the other.
    pub(crate) fn settled(&self) -> (Queue, Counters) {
        let deadline = Instant::now() + SOON;
        let mut before = self.queue();
        loop {
            let counters = self.counters();
            let queue = self.queue();
            if queue == before && queue.waiting == 0 {
                return (queue, counters);
            }
            assert!(Instant::now() < deadline, "{queue:?} after {before:?}");
            before = queue;
        }
    }

    /// The counters of the namespace.
    pub(crate) fn counters(&self) -> Counters {
        let read = |name| std::fs::read_to_string(format!("/proc/{}/net/{name}", self.holder.id())).unwrap();
        let mut counters = BTreeMap::new();
        let snmp = read("snmp");
        let lines: Vec<_> = snmp.lines().filter_map(|line| line.split_once(": ")).collect();
        for pair in lines.chunks_exact(2) {
            let [(group, names), (_, values)] = pair else { unreachable!("chunks of two") };
            for (name, value) in names.split(' ').zip(values.split(' ')) {
                // Settings stand among them, and may be negative.
                counters.extend(value.parse().ok().map(|value| (format!("{group}.{name}"), value)));
            }
        }
        let devices = read("dev");
        let (_, loopback) = devices.split_once("lo:").unwrap();
        let mut received = loopback.split_ascii_whitespace();
        for name in ["lo.bytes", "lo.packets"] {
            counters.insert(name.to_owned(), received.next().unwrap().parse().unwrap());
        }
        Counters(counters)
    }

    /// Starts a server and a client of it.
    pub(crate) fn begin(&self, server: &[&str], client: &[&str]) -> Running {
        let tester = || self.command(env!("CARGO_BIN_EXE_tester"));
        let mut server =
            Tester::spawn(tester().args(["--server", "--bind=127.0.0.1", "--port=0"]).args(server));
        let port = server.listening().to_string();
        let options = ["--client", "--target=127.0.0.1", "--json", "--port", &port];
        let client = Tester::spawn(tester().args(options).args(client));
        Running { server, client }
    }

    /// Runs a test to its end.
    pub(crate) fn measure(&self, server: &[&str], client: &[&str]) -> Report {
        self.begin(server, client).end()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ended = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}

impl Counters {
    pub(crate) fn of(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Packets that reached UDP, whether or not a socket had room for them: what IP delivered without TCP's.
    pub(crate) fn udp_delivered(&self) -> u64 {
        self.of("Ip.InDelivers") - self.of("Tcp.InSegs")
    }
}

impl fmt::Debug for Counters {
    /// Those that have counted anything.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.0.iter().filter(|(_, value)| **value > 0)).finish()
    }
}

impl Running {
    /// Waits for the end of the test.
    pub(crate) fn end(mut self) -> Report {
        let (status, _) = self.client.end();
        assert_eq!(status.code(), Some(0), "{:?}", self.client.seen);
        self.server.line("Data thread closing");
        Report(serde_json::from_str(&self.client.out().join("\n")).unwrap())
    }
}

impl Report {
    /// A figure of what was measured.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.0["measured"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {:#}", self.0))
    }

    /// A count of what was measured.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.0["measured"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {:#}", self.0))
    }

    /// The count that the server answered in Results.
    pub(crate) fn results(&self) -> u64 {
        self.0["results_udp_packets_received"].as_u64().unwrap()
    }
}
