//! What the machine refuses or lacks: the port, the namespaces, IPv6, a resolver, processes. Each test runs itself
//! again in its own network, so that no two tests need the host's port 5678.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

use assert_cmd::prelude::OutputAssertExt;
use predicates::prelude::*;
use predicates::str::contains;

use crate::support::again::judged;
use crate::support::folder::Folder;
use crate::support::json::json;
use crate::support::networks::{in_own_network, there_are_networks};
use crate::support::runner::RUNNER;
use crate::support::said::said;

/// Set in a test that runs in a network of its own.
const INSIDE: &str = "CONFORMANCE_TEST_INSIDE";

/// Runs the body of the test `name` in user and network namespaces of its own.
fn apart(name: &str, body: fn()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    if !there_are_networks(&["true"]) {
        return;
    }
    let this = env::current_exe().unwrap();
    // libtest names its tests by their path in the program.
    let (_program, folder) = module_path!().split_once("::").unwrap();
    let again = in_own_network(this.to_str().unwrap())
        .args(["--exact", &format!("{folder}::{name}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = said(&again);
    assert!(again.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    apart("a_port_that_is_taken_is_named", || {
        let _taken = TcpListener::bind("0.0.0.0:5678").unwrap();
        for case in ["server/session/listens", "client/session/request", "command/version"] {
            let (status, line) = Folder::new().refused(&["--isolation=host", "--case", case]);
            assert_eq!(status, 3);
            assert_eq!(
                line,
                "port 5678 is taken on this host: stop what listens there, or use --isolation namespace"
            );
        }
    });
}

#[test]
fn namespaces_that_are_refused_are_told() {
    apart("namespaces_that_are_refused_are_told", || {
        refuse_namespaces();
        let (status, line) = Folder::new().refused(&["--isolation=namespace", "--case=command/version"]);
        assert_eq!(status, 3);
        insta::assert_snapshot!(line);
    });
}

#[test]
fn without_namespaces_the_host_serves_and_says_so() {
    apart("without_namespaces_the_host_serves_and_says_so", || {
        refuse_namespaces();
        let args = ["--case=command/version", "--case=command/help", "--report=human"];
        let announced = contains("conformance: no namespaces here (")
            .and(contains("): 2 cases run one by one on this host's port 5678, which takes 0 s at least\n"));
        let told = contains("2 cases in ").and(contains(", one by one on this host"));
        judged(Folder::new().runner().args(args)).assert().code(0).stderr(announced).stdout(told);
    });
}

#[test]
fn what_needs_a_network_is_left_out_on_the_host() {
    apart("what_needs_a_network_is_left_out_on_the_host", || {
        let args = ["--isolation=host", "--case=server/session/external-address"];
        let line = "nothing to run: server/session/external-address was left out (it needs a network of its own, \
                    which --isolation host does not give)";
        assert_eq!(Folder::new().refused(&args), (4, line.to_owned()));
    });
}

#[test]
fn version_6_that_is_switched_off_is_not_asked_for_on_the_host() {
    apart("version_6_that_is_switched_off_is_not_asked_for_on_the_host", || {
        for interface in ["all", "default", "lo"] {
            // A kernel without IPv6 has no such file. This case counts too.
            let _absent = fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"), "1");
        }
        let args = ["--isolation=host", "--case=server/session/ipv6-loopback"];
        let line =
            "nothing to run: server/session/ipv6-loopback was left out (this machine has no IPv6 loopback)";
        assert_eq!(Folder::new().refused(&args), (4, line.to_owned()));
    });
}

#[test]
fn a_name_that_the_resolver_does_not_find_is_not_asked_for() {
    apart("a_name_that_the_resolver_does_not_find_is_not_asked_for", || {
        let folder = Folder::new().with("nsswitch.conf", "hosts: dns\n");
        let script = "mount --bind nsswitch.conf /etc/nsswitch.conf || exit 77; exec \"$0\" \"$@\"";
        let output = Command::new("unshare")
            .args([
                "--mount",
                "sh",
                "-c",
                script,
                RUNNER,
                "--isolation=namespace",
                "--quiet",
                "--report=json",
            ])
            .arg("--case=client/connect/host-name")
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(77) || said.contains("--isolation namespace: ") {
            eprintln!("not run, for there is no namespace below this one, or no /etc/nsswitch.conf: {said}");
            return;
        }
        let report = json(&output);
        assert_eq!(report["cases"][0]["outcome"], "skip", "{report:#}");
        let reason = "this machine lacks what the case needs: peer.test does not resolve";
        assert_eq!(report["cases"][0]["message"], reason);
    });
}

#[test]
fn a_user_who_may_start_hardly_any_process_is_told() {
    // The limit does not apply to user 0 of the machine, so the test becomes another user.
    let ordinary = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let root = nix::unistd::geteuid().is_root();
    let limited = |args: &[&str]| {
        let mut words = vec!["prlimit", "--nproc=20"];
        words.extend(root.then_some(ordinary).into_iter().flatten());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(RUNNER).args(args).current_dir("/").output()
    };
    if !limited(&["--version"]).is_ok_and(|output| output.status.success()) {
        eprintln!(
            "not run, for there is no `prlimit` or `setpriv` here, or that user may not start the runner"
        );
        return;
    }
    let output = limited(&["--case=command/version", "--quiet"]).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.lines().last().is_some_and(|line| line.contains("more processes and threads")), "{said}");
}

/// Like an administrator who allows no namespaces.
fn refuse_namespaces() {
    fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();
}
