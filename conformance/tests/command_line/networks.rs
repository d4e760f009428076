//! What the machine refuses: the port, the namespaces. Each test runs itself again in a network of its own, so that
//! none of them fights for the host's port 5678.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use predicates::prelude::*;
use predicates::str::contains;

use super::support::Folder;

/// Set in a test that runs in a network of its own.
const INSIDE: &str = "CONFORMANCE_TEST_INSIDE";

/// Runs the body of the test `name` in user and network namespaces of its own.
fn in_own_network(name: &str, body: fn()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let unshare = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", program]);
        command
    };
    if !unshare("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("{name}: not run, for there is no `unshare` here, or no namespace");
        return;
    }
    let this = env::current_exe().unwrap();
    let again = unshare(this.to_str().unwrap())
        .args(["--exact", &format!("networks::{name}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout) + String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    in_own_network("a_port_that_is_taken_is_named", || {
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
    in_own_network("namespaces_that_are_refused_are_told", || {
        refuse_namespaces();
        let (status, line) = Folder::new().refused(&["--isolation=namespace", "--case=command/version"]);
        assert_eq!(status, 3);
        insta::assert_snapshot!(line);
    });
}

#[test]
fn without_namespaces_the_host_serves_and_says_so() {
    in_own_network("without_namespaces_the_host_serves_and_says_so", || {
        refuse_namespaces();
        let args = ["--case=command/version", "--case=command/help", "--report=human"];
        let announced = contains("conformance: no namespaces here (")
            .and(contains("): 2 cases run one by one on this host's port 5678, which takes 0 s at least\n"));
        let told = contains("2 cases in ").and(contains(", one by one on this host"));
        Folder::new().runner().args(args).assert().code(0).stderr(announced).stdout(told);
    });
}

#[test]
fn what_needs_a_network_is_left_out_on_the_host() {
    in_own_network("what_needs_a_network_is_left_out_on_the_host", || {
        let args = ["--isolation=host", "--case=server/session/external-address"];
        let line = "nothing to run: server/session/external-address was left out (it needs a network of its own, \
                    which --isolation host does not give)";
        assert_eq!(Folder::new().refused(&args), (4, line.to_owned()));
    });
}

/// As an administrator does who wants none.
fn refuse_namespaces() {
    fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();
}
