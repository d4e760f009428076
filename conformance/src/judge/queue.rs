//! Which connections are ahead of a client at a server that serves one at a time. The client waits for all of them, so
//! its answer may take the patience of each of them. For the verdict. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::transcript::{Event, Transcript};

/// The connections ahead of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Queue<'t> {
    /// Those that are not over.
    pub(super) ahead: Vec<&'t str>,
    /// When the last one that is over ended. The wait for the others counts from then.
    pub(super) since: Option<Duration>,
}

/// The runner's other connections that the server may still have to serve before the one of this name: those that were
/// opened before it and are not known to be over.
///
/// A connection is over when the target closed it, or refused it. It is also over when a connection that was opened
/// later has been answered. It is not over when the runner closed it: the server has to notice that first, and to end
/// its data thread.
pub(super) fn connections_ahead<'t>(transcript: &'t Transcript, name: &str) -> Queue<'t> {
    let opening = transcript.entries.iter().rposition(|entry| match &entry.event {
        Event::Connecting { on, .. } => on == name,
        _ => false,
    });
    let Some(opening) = opening else { return Queue::default() };
    let mut since = None;
    let mut open: BTreeMap<usize, &'t str> = BTreeMap::new();
    let latest = |open: &BTreeMap<usize, &str>, name: &str| {
        open.iter().rev().find(|(_, other)| **other == name).map(|(index, _)| *index)
    };
    for (index, entry) in transcript.entries.iter().enumerate() {
        let so_far = open.len();
        match &entry.event {
            Event::Started => open.clear(),
            Event::Connecting { on, .. } if index < opening => {
                open.insert(index, on);
            }
            Event::Ended { on, .. } | Event::Refused { on, .. } => {
                // A name may be opened again: after this opening it is another connection.
                let over = latest(&open, on).filter(|_| index < opening || on != name);
                over.map(|index| open.remove(&index));
            }
            // The client itself is answered: none is ahead any more.
            Event::Received { on, .. } if on == name && index > opening => open.clear(),
            // The server serves in order: all before the one that is answered are over.
            Event::Received { on, .. } => {
                if let Some(answered) = latest(&open, on) {
                    open = open.split_off(&answered);
                }
            }
            _ => {}
        }
        if index > opening && open.len() < so_far {
            since = Some(entry.at);
        }
    }
    Queue { ahead: open.into_values().collect(), since }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::connections_ahead;
    use crate::model::sample::parse_transcript;

    #[rstest]
    #[case::alone("0 connect; 0 open", 0)]
    #[case::never_opened("0 connect on a; 0 open on a", 0)]
    #[case::behind_one_that_is_served("0 connect on a; 1 < 01 02 16 2e on a; 2 connect", 1)]
    #[case::behind_one_that_we_left("0 connect on a; 1 > 01 on a; 2 close on a; 3 connect", 1)]
    #[case::behind_one_that_the_target_closed("0 connect on a; 1 eof on a; 2 close on a; 3 connect", 0)]
    #[case::behind_one_that_closes_meanwhile("0 connect on a; 1 close on a; 2 connect; 3 rst on a", 0)]
    #[case::behind_one_that_was_refused("0 connect on a; 1 refused on a; 3 connect", 0)]
    #[case::behind_three_that_we_left(
        "0 connect on a; 1 reset on a; 2 connect on a; 3 close on a; 4 connect on a; 5 close on a; 6 connect",
        3
    )]
    #[case::an_answer_ends_the_turns_before_it(
        "0 connect on a; 1 reset on a; 2 connect on a; 3 close on a; 4 connect on a; 5 < 01 on a; 6 close on a; 7 connect",
        1
    )]
    #[case::our_own_name_used_before("0 connect; 1 reset; 2 connect; 3 close; 4 connect", 2)]
    #[case::later_ones_do_not_count("0 connect; 1 connect on a; 2 connect on b", 0)]
    #[case::one_that_has_been_answered_waits_for_nobody(
        "0 connect on a; 1 close on a; 2 connect; 3 < 01 02 16 2e",
        0
    )]
    #[case::a_target_started_again_has_nobody("0 start; 0 connect on a; 1 close on a; 2 start; 3 connect", 0)]
    fn connections_ahead_are_counted(#[case] transcript: &str, #[case] ahead: usize) {
        assert_eq!(connections_ahead(&parse_transcript(transcript), "control").ahead.len(), ahead);
    }

    #[rstest]
    #[case::nobody_was_there("0 connect; 1 open; 2 < 01", None)]
    #[case::nobody_is_over("0 connect on a; 1 close on a; 2 connect", None)]
    #[case::over_before_we_came("0 connect on a; 1 eof on a; 2 connect", None)]
    #[case::one_is_over("0 connect on a; 0 connect on b; 1 connect; 7 eof on a", Some(7))]
    #[case::one_is_answered("0 connect on a; 0 connect on b; 1 connect; 8 < 01 on b; 9 < 02 on b", Some(8))]
    #[case::we_are_answered("0 connect on a; 1 close on a; 2 connect; 9 < 01; 10 < 02", Some(9))]
    fn the_wait_for_those_left_begins_when_one_is_over(#[case] transcript: &str, #[case] since: Option<u64>) {
        let since = since.map(std::time::Duration::from_millis);
        assert_eq!(connections_ahead(&parse_transcript(transcript), "control").since, since);
    }
}
