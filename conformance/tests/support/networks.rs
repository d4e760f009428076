//! Networks for programs that know only port 5678, each in its own namespaces.

use std::env;
use std::process::{Command, Stdio};

/// A shell command in the new network: waits until the server, its last child, listens, as the kernel reports it.
pub(crate) const LISTENS: &str = "until grep -q ':162E .* 0A ' /proc/self/net/tcp /proc/self/net/tcp6; do \
                                  kill -0 $! || { echo 'the server ended before it listened'; exit 99; }; sleep 0.02; done";

/// A program in user and network namespaces of its own.
pub(crate) fn in_own_network(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", program]);
    command
}

/// Whether this command succeeds in such a network. Prints a message if not.
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

/// A shell in its own process and network namespaces, with a loopback. All its processes end with it.
///
/// Tests that were started in the background inherit an ignored SIGINT, so the command resets it. It also has a time
/// limit, so that a missing end is a failure and not an endless wait.
pub(crate) fn shell(script: &str, at_most_seconds: u32) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", "timeout", &at_most_seconds.to_string()]);
    command.args(["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
    command.args(["bash", "-c", &format!("{}\n{script}", LOOPBACK.join(" "))]).current_dir(env::temp_dir());
    command
}
