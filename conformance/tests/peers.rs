//! Independent right testers, in other languages and other styles: the runner finds nothing wrong with
//! them, and they talk to our client and server in both directions. A language that is missing on this
//! machine is said and skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed, and says so at the right line"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

/// A tenth of the documents' timeout, as the peers are told it, so that all of the timer's cases are played.
const TIMES: [&str; 5] = [
    "--control-timeout=4.4s",
    "--early=1.2s",
    "--late=1.2s",
    "--target-arg=--control-timeout=4.4",
    "--quick",
];

#[derive(Clone, Copy, Debug)]
enum Peer {
    Python,
    C,
}

impl Peer {
    /// The program, built if need be; `None` where its language is missing.
    fn program(self, folder: &Path) -> Option<PathBuf> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        match self {
            Self::Python => there_is("python3").then(|| sources.join("tester.py")),
            Self::C => there_is("cc").then(|| {
                let program = folder.join("tester");
                let mut cc = Command::new("cc");
                cc.args(["-std=c11", "-O1", "-pthread", "-o"]).arg(&program).arg(sources.join("tester.c"));
                let built = cc.output().unwrap();
                assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
                program
            }),
        }
    }
}

fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: no {program} on this machine");
    }
    found
}

#[rstest]
#[case::python(Peer::Python)]
#[case::c(Peer::C)]
fn nothing_is_wrong_with_a_right_tester(#[case] peer: Peer) {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = peer.program(folder.path()) else { return };
    let mut conformance = Command::new(env!("CARGO_BIN_EXE_conformance"));
    conformance.arg("--target-bin").arg(program).args(TIMES).args([
        "--part=p1",
        "--quiet",
        "--fail-on=harden",
    ]);
    let output = conformance.output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
}

/// Ours and theirs in a network of their own, so that port 5678 is theirs alone.
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
    if !(there_is("unshare") && Command::new("ip").arg("-V").output().is_ok()) {
        return eprintln!("SKIPPED: no unshare or no ip on this machine");
    }
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_conformance"));
    let ours = format!("exec -a tester '{}'", ours.display());
    let theirs = format!("exec '{}'", theirs.display());
    let (server, client) = if we_serve { (ours, theirs) } else { (theirs, ours) };
    // The server listens when the kernel says so; it ends with the network that it is in.
    let script = format!(
        "ip link set lo up; ({server} --server) & \
         until grep -q ':162E .* 0A ' /proc/self/net/tcp /proc/self/net/tcp6; do kill -0 $! || exit 99; done; \
         ({client} --client --test={test} --time=1); status=$?; kill -INT $!; wait $!; exit $status"
    );
    // Whoever started the tests in the background had SIGINT ignored, which is inherited; and an end that does not
    // come is to be a failure rather than a wait for ever.
    let mut unshare = Command::new("env");
    unshare.args([
        "--default-signal=INT",
        "timeout",
        "60",
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "bash",
        "-c",
        &script,
    ]);
    let output = unshare.output().unwrap();
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    for line in ["Data thread opening", "Data thread closing", "Exiting Server"] {
        assert!(said.contains(line), "no {line:?} in:\n{said}");
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
