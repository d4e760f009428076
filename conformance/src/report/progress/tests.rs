//! The words of the line, and when it is written.

use std::sync::mpsc::{Receiver, Sender};

use rstest::rstest;

use super::*;
use crate::model::case::Case;
use crate::model::outcome::CaseRecord;

fn case(id: &str, requirement: &str) -> Case {
    Case::without_steps(id, vec![requirement.parse().unwrap()])
}

fn cases() -> Vec<Case> {
    vec![case("server/a", "TMO-1"), case("server/b", "INV-1"), case("server/c", "SRV-1")]
}

/// A run of three cases, in words: `a waits 32`, `a resumes`, `a fail`, `a again`.
fn after(words: &[&str], now: Instant) -> State {
    let mut state = State::default();
    state.plan(&Plan { cases: cases(), dropped: Vec::new(), requirements: Vec::new() });
    for words in words {
        let words: Vec<_> = words.split(' ').collect();
        let index = "abc".find(words[0]).unwrap();
        let case = &cases()[index];
        let outcome = match words[1] {
            "waits" => {
                let until = now + Duration::from_secs(words[2].parse().unwrap());
                state.waiting.insert(case.id.clone(), ("the target to close".to_owned(), until));
                continue;
            }
            "resumes" => {
                state.on(&Event::Resumed { id: &case.id });
                continue;
            }
            "again" => {
                state.on(&Event::Again { id: &case.id });
                continue;
            }
            "pass" => Outcome::Pass,
            "fail" => Outcome::Fail,
            "inconclusive" => Outcome::Inconclusive,
            other => panic!("{other}"),
        };
        state.on(&Event::Finished(&CaseRecord::unplayed(case, outcome, String::new())));
    }
    state
}

#[rstest]
#[case::begun(&[], "0 of 3 cases")]
#[case::waiting(
    &["b pass", "a waits 32"],
    "1 of 3 cases, waiting for the target to close in TMO-1 (server/a), 32 s more at most"
)]
#[case::the_longest(
    &["a waits 32", "b waits 40"],
    "0 of 3 cases, waiting for the target to close in INV-1 (server/b) and 1 more, 40 s more at most"
)]
#[case::resumed(&["a waits 32", "a resumes"], "0 of 3 cases")]
#[case::came_out(&["a waits 32", "a fail"], "1 of 3 cases, 1 failed")]
#[case::overdue(&["a waits 0"], "0 of 3 cases, waiting for the target to close in TMO-1 (server/a), 0 s more at most")]
#[case::unjudged(&["a inconclusive", "b fail"], "2 of 3 cases, 1 failed, 1 could not be judged")]
#[case::once_more(&["a inconclusive", "b pass", "c pass", "a again"], "3 of 4 cases")]
fn the_line_says_how_far_it_is(#[case] words: &[&str], #[case] line: &str) {
    let now = Instant::now();
    assert_eq!(after(words, now).line(now).as_deref(), Some(line));
}

#[test]
fn before_and_after_the_run_there_is_no_line() {
    let now = Instant::now();
    assert_eq!(State::default().line(now), None);
    assert_eq!(after(&["a pass", "b pass", "c pass"], now).line(now), None);
}

struct Channel(Sender<String>);

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines come one after the other until the run is over, and none later.
#[test]
fn lines_come_from_time_to_time() {
    let (sender, lines): (_, Receiver<String>) = channel();
    let state = Arc::new(Mutex::new(after(&["a pass"], Instant::now())));
    let ticker = Ticker::start(Duration::from_millis(1), write_lines(state, Channel(sender)));
    let text: String = lines.iter().take_while(|part| part != "\n").collect();
    assert_eq!(text, "1 of 3 cases");
    assert!(lines.recv_timeout(Duration::from_secs(60)).is_ok(), "one line only");
    ticker.stop();
    // The channel has ended with the thread.
    assert!(lines.iter().all(|part| part == "\n" || part == "1 of 3 cases"));
}
