//! Independent right testers, in other languages and styles: the runner finds nothing wrong with them, and they work
//! with our client and server. If a language is not installed, the test prints that it is skipped.

use rstest::rstest;

use crate::support::again::judged;
use crate::support::machine::shared_machine;
use crate::support::networks::{LISTENS, LOOPBACK, shell, there_are_networks};
use crate::support::peers::{Peer, reference};
use crate::support::runner::runner;
use crate::support::said::said;

/// About a tenth of the documents' timeout, for the runner and the peers, so that all cases of the timer are played.
const TIMES: [&str; 5] = [
    "--control-timeout=4.4s",
    "--early=1.2s",
    "--late=1.2s",
    "--target-arg=--control-timeout=4.4",
    "--quick",
];

#[rstest]
#[case::python(Peer::Python)]
#[case::c(Peer::C)]
fn nothing_is_wrong_with_a_right_tester(#[case] peer: Peer) {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = peer.program(folder.path()) else { return };
    let _turn = shared_machine();
    let mut conformance = runner();
    conformance.arg("--target-bin").arg(program).args(TIMES);
    let output = judged(conformance.args(["--part=p1", "--quiet", "--fail-on=harden"]));
    assert!(output.status.success(), "{}", said(&output));
}

/// Our program and theirs in their own network, so that no other program has port 5678.
#[rstest]
#[case::python(Peer::Python)]
#[case::c(Peer::C)]
fn peers_talk_to_ours_in_both_directions(
    #[case] peer: Peer,
    #[values(true, false)] we_serve: bool,
    #[values("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR")] test: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let Some(theirs) = peer.program(folder.path()) else { return };
    if !there_are_networks(&LOOPBACK) {
        return;
    }
    let _turn = shared_machine();
    let theirs = format!("exec '{}'", theirs.display());
    let (server, client) = if we_serve { (reference(), theirs) } else { (theirs, reference()) };
    let script = format!(
        "({server} --server) &\n{LISTENS}\n\
         ({client} --client --test={test} --time=1); status=$?; kill -INT $!; wait $!; exit $status"
    );
    let output = shell(&script, 60).output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for line in ["Data thread opening", "Data thread closing", "Exiting Server"] {
        assert!(said.contains(line), "no {line:?} in:\n{said}");
    }
}
