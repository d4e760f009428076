//! Networks for programs that know port 5678 only, each in namespaces of its own.

use std::env;
use std::process::{Command, Stdio};

/// Where a shell in the new network waits until the server, its last child, listens: the kernel says so.
pub(crate) const LISTENS: &str = "until grep -q ':162E .* 0A ' /proc/self/net/tcp /proc/self/net/tcp6; do \
                                  kill -0 $! || { echo 'the server ended before it listened'; exit 99; }; sleep 0.02; done";

/// A program in user and network namespaces of its own.
pub(crate) fn in_own_network(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", program]);
    command
}

/// Whether the machine gives one in which this command succeeds; says so where it does not.
pub(crate) fn there_are_networks(command: &[&str]) -> bool {
    let mut probe = in_own_network(command[0]);
    probe.args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    let found = probe.status().is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: no network namespaces here (unshare of util-linux, ip of iproute2)");
    }
    found
}

/// The command that gives a new network its loopback.
pub(crate) const LOOPBACK: [&str; 5] = ["ip", "link", "set", "lo", "up"];

/// A shell in process and network namespaces of its own, with a loopback. Whatever it leaves behind ends with it.
///
/// Whoever started the tests in the background had SIGINT ignored, which is inherited; and an end that does not come is to
/// be a failure rather than a wait for ever.
pub(crate) fn shell(script: &str, at_most_seconds: u32) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", "timeout", &at_most_seconds.to_string()]);
    command.args(["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
    command.args(["bash", "-c", &format!("{}\n{script}", LOOPBACK.join(" "))]).current_dir(env::temp_dir());
    command
}
