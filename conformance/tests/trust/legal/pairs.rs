//! Every legal client with every legal server: all four tests complete. Each pair has its own network.

use std::env;
use std::path::Path;

use super::combinations::{Combination, each_alone, packed};
use super::gallery::{Side, gallery};
use crate::support::at_once::at_once;
use crate::support::machine::machine;
use crate::support::networks::{LISTENS, LOOPBACK, shell, there_are_networks};
use crate::support::peers::{Peer, legal, reference};
use crate::support::said::said;

/// How many pairs play at once. Most of it is waiting; while they send they share the processors.
const AT_ONCE: usize = 40;

/// The shell script for the new network: it waits until the server listens, as the kernel reports it, and runs the four
/// tests one after the other. The server must be alive after them, and end by SIGINT. Its output comes after the
/// clients' output: a line may come in pieces, and lines of the two programs would mix.
const SCRIPT: &str = r"
said=$(mktemp)
trap 'cat $said; rm $said' EXIT
(SERVER --server) >$said 2>&1 & server=$!
LISTENS
for test in TCP_STREAM TCP_RR UDP_STREAM UDP_RR; do
    echo 'BEGIN '$test
    (CLIENT --client --target=127.0.0.1 --test=$test --time=1) || { echo 'STATUS '$?' of the client'; exit 98; }
    kill -0 $server || { echo 'the server ended'; exit 97; }
    echo 'END '$test
done
kill -INT $server
wait $server
echo 'SERVER ENDED'
";

/// One program in one role.
struct Player {
    name: String,
    words: String,
    /// Whether it is a tester of Part 2, which has figures.
    measures: bool,
}

impl Player {
    fn new(name: &str, words: String) -> Self {
        // The peer in C ends with Part 1.
        Self { name: name.to_owned(), words, measures: name != "tester.c" }
    }
}

#[test]
fn every_client_completes_all_tests_with_every_server() {
    if !there_are_networks(&LOOPBACK) {
        return;
    }
    let _turn = machine();
    let folder = tempfile::tempdir().unwrap();
    let variants = gallery();
    let others: Vec<_> = [("reference", reference())].into_iter().chain(peers(folder.path())).collect();
    let asked = env::var("LEGAL_PAIRS").ok();
    let combinations = if asked.is_some() { each_alone(&variants) } else { packed(&variants) };
    let (servers, clients) =
        (players(&combinations, Side::Server, &others), players(&combinations, Side::Client, &others));
    let mut pairs = chosen(servers.len(), clients.len(), asked.is_none().then_some(others.len()));
    if let Some(name) = asked.filter(|name| name != "all") {
        pairs.retain(|&(server, client)| servers[server].name == name || clients[client].name == name);
        assert!(!pairs.is_empty(), "LEGAL_PAIRS={name}: all, or the name of a variant");
    }
    let played = at_once(AT_ONCE, &pairs, |_, &(server, client)| {
        let (server, client) = (&servers[server], &clients[client]);
        let told = |said| format!("server {}, client {}: {said}", server.name, client.name);
        play(server, client).map_err(told)
    });
    let failed: Vec<String> = played.into_iter().filter_map(Result::err).collect();
    eprintln!("{} pairs of client and server, {} failed", pairs.len(), failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The shell command for each independent peer whose language is installed.
fn peers(folder: &Path) -> impl Iterator<Item = (&'static str, String)> {
    let peers = [("tester.py", Peer::Python), ("tester.c", Peer::C)];
    peers.into_iter().filter_map(|(name, peer)| {
        peer.program(folder).map(|program| (name, format!("exec '{}'", program.display())))
    })
}

/// First the others, then the plain legal tester, then each combination that can show on this side.
fn players(combinations: &[Combination<'_>], side: Side, others: &[(&str, String)]) -> Vec<Player> {
    let legal = format!("exec '{}'", legal().display());
    let others = others.iter().map(|(name, words)| Player::new(name, words.clone()));
    let of_side = combinations.iter().filter(|combination| combination.shows_in(side));
    let combined = |combination: &Combination<'_>| {
        let variants = combination.0.iter().map(|variant| format!(" --variant={}", variant.name));
        let player = Player::new(&combination.to_string(), legal.clone() + &variants.collect::<String>());
        Player { measures: player.measures && !combination.is_part_1(), ..player }
    };
    others.chain([Player::new("legal", legal.clone())]).chain(of_side.map(combined)).collect()
}

/// The pairs of indices: all of them; or each player with one partner, and the first `others` with each other.
fn chosen(servers: usize, clients: usize, others: Option<usize>) -> Vec<(usize, usize)> {
    let all = (0..servers).flat_map(|server| (0..clients).map(move |client| (server, client)));
    let Some(others) = others else { return all.collect() };
    // A variant for both sides does not play with itself.
    let diagonal = (0..servers.max(clients)).map(|index| (index % servers, (index + 1) % clients));
    let among_others = all.filter(|&(server, client)| server < others && client < others);
    let mut pairs: Vec<_> = diagonal.chain(among_others).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Plays one pair. The error is its output, if something is missing.
fn play(server: &Player, client: &Player) -> Result<(), String> {
    let script = SCRIPT.replace("SERVER --", &format!("{} --", server.words));
    let script = script.replace("CLIENT --", &format!("{} --", client.words)).replace("LISTENS", LISTENS);
    let output = shell(&script, 90).output().unwrap();
    let said = said(&output);
    let lower = said.to_lowercase();
    let missing = |line: &str, times: usize| {
        let came = lower.matches(line).count();
        (came < times).then(|| format!("{line:?} came {came} times instead of {times}"))
    };
    // Each of the two prints its lines in each of the four tests.
    let lines =
        [("server ended", 1), ("exiting server", 1), ("data thread opening", 8), ("data thread closing", 8)];
    let missing = lines.into_iter().find_map(|(line, times)| missing(line, times));
    match missing.or_else(|| figures_missing(&said).filter(|_| server.measures && client.measures)) {
        Some(missing) => Err(format!("{missing} in:\n{said}")),
        None if output.status.success() => Ok(()),
        None => Err(format!("{}:\n{said}", output.status)),
    }
}

/// Which figure of which test is missing.
fn figures_missing(said: &str) -> Option<String> {
    use conformance::judge::figures::{loss_percent, megabits_per_second, round_trips_per_second};
    ["TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"].into_iter().find_map(|test| {
        // Figures on standard error come after all of standard output.
        let part = said.split(&format!("BEGIN {test}")).nth(1)?;
        let rate = match test.ends_with("RR") {
            true => round_trips_per_second(part),
            false => megabits_per_second(part),
        };
        let lost = test.starts_with("UDP").then(|| loss_percent(part));
        (rate.is_empty() || lost.is_some_and(|lost| lost.is_empty())).then(|| format!("no figure of {test}"))
    })
}
