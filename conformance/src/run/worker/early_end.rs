//! How late the runner must have been, if a tester that ended a connection too early did so rightly. For the worker.
//!
//! A right tester ends a connection early for one reason: its peer was silent for the timeout. So the runner must have
//! let the longest silence on the connection grow to the timeout, without seeing it.

use std::time::Duration;

use crate::model::fault::Fault;
use crate::model::transcript::{Event, Transcript};

/// The delay that the end of `connection` needs as its excuse; nothing for other faults. `timeout`: what a right tester
/// waits for a silent peer at least.
pub(super) fn early_end(
    fault: &Fault,
    connection: &str,
    transcript: &Transcript,
    timeout: Duration,
) -> Option<Duration> {
    if !matches!(fault, Fault::EndedBeforeBytes { .. }) {
        return None;
    }
    let (mut heard, mut longest, mut ended) = (None, Duration::ZERO, false);
    for entry in transcript.entries.iter().filter(|entry| entry.event.connection() == Some(connection)) {
        match &entry.event {
            // A new connection of the same name.
            Event::Connecting { .. } | Event::Opened { accepted: true, .. } => {
                (heard, longest, ended) = (Some(entry.at), Duration::ZERO, false);
            }
            Event::Sent { .. } | Event::Ended { .. } if !ended => {
                longest = longest.max(entry.at.saturating_sub(heard?));
                heard = Some(entry.at);
                ended = matches!(entry.event, Event::Ended { .. });
            }
            _ => {}
        }
    }
    ended.then(|| timeout.saturating_sub(longest))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::bytes::Pattern;
    use crate::model::sample::parse_transcript;
    use crate::model::transcript::EndedBy;

    #[rstest]
    #[case::at_once("0 connect; 1 open; 2 > 010101; 3 eof", Some(43_998))]
    #[case::after_the_timeout("0 connect; 1 open; 2 > 01; 44500 eof", Some(0))]
    #[case::after_a_silence_of_ours("0 connect; 1 open; 25000 > 01; 25001 eof", Some(19_000))]
    #[case::of_the_latest_connection(
        "0 connect; 30000 > 01; 30001 close; 30002 connect; 30004 eof",
        Some(43_998)
    )]
    #[case::of_this_connection("0 connect; 1 connect on b; 40000 > 01 on b; 2 eof", Some(43_998))]
    #[case::accepted("0 accepted 127.0.0.1:5678; 2 < 010101; 5 > 0102; 7 rst", Some(43_995))]
    #[case::not_ended("0 connect; 1 open; 2 > 01", None)]
    fn an_early_end_needs_a_silence(#[case] transcript: &str, #[case] needed: Option<u64>) {
        let expected = Pattern::parse("01").unwrap();
        let fault = Fault::EndedBeforeBytes { expected, actual: Vec::new(), by: EndedBy::EndOfFile };
        let timeout = Duration::from_secs(44);
        let found = early_end(&fault, "control", &parse_transcript(transcript), timeout);
        assert_eq!(found, needed.map(Duration::from_millis));
    }
}
