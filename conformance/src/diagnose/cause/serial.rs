//! A server that does not make its clients wait for each other, or loses those who wait.

use std::time::Duration;

use tester::protocol::message::{Message, Reply};

use super::Cause;
use super::shared::{closes_after_reply, queue_lost};
use super::timing::too_short;
use crate::diagnose::scene::{Scene, Talk};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::transcript::EndedBy;

pub(super) fn recognise(scene: &Scene<'_>) -> Option<Cause> {
    if scene.role() != Role::Server || scene.exit().is_some() {
        return None;
    }
    let several = scene.others().iter().any(|talk| talk.opened.is_some());
    if !several {
        return None;
    }
    if scene.another_test_runs() {
        return during_a_test(scene);
    }
    // The one in front is done; this one had been connected before that.
    let waited = |talk_opened| scene.others().iter().any(|other| other.last_sent() > Some(talk_opened));
    let in_queue = scene.talk.opened.is_some_and(waited);
    match scene.fault {
        Fault::EndedBeforeBytes { .. } if in_queue && scene.talk.received.is_empty() => Some(queue_lost()),
        Fault::BytesInSilence { .. } => served_too_early(scene),
        Fault::BytesMissing { .. } if scene.others().iter().any(reset_in_queue) => Some(queue_lost()),
        Fault::BytesMissing { waited, .. }
            if in_queue && scene.talk.received.is_empty() && *waited < scene.tolerances.control_timeout =>
        {
            (!any_silent_too_long(scene)).then(queue_lost)
        }
        Fault::ClosedInSilence { .. } if in_queue => Some(queue_lost()),
        _ => None,
    }
}

/// Whether a client that had asked was reset without an answer.
fn reset_in_queue(talk: &Talk<'_>) -> bool {
    let reset = matches!(talk.ended, Some((_, EndedBy::Reset)));
    reset && !talk.sent.is_empty() && talk.received.is_empty()
}

/// A client is served before its time because the one in front of it was given up before its time.
fn served_too_early(scene: &Scene<'_>) -> Option<Cause> {
    let limit = scene.tolerances.control_timeout;
    let silent_for = |talk: &Talk<'_>| {
        let (ended, _) = talk.ended?;
        ended.checked_sub(talk.last_sent().or(talk.opened)?)
    };
    let given_up =
        scene.others().iter().filter_map(silent_for).find(|after| *after >= limit / 4 && *after < limit);
    match given_up {
        Some(after) => Some(too_short(limit, after)),
        None => scene.others().iter().any(gave_up_in_test).then(closes_after_reply),
    }
}

/// Whether the server closed after Reply, without a Done.
fn gave_up_in_test(talk: &Talk<'_>) -> bool {
    talk.has_reply() && talk.received_bytes().len() == Reply::SIZE && talk.ended.is_some()
}

/// Whether somebody in front has been silent for the whole of the timeout: then it is that which is amiss.
fn any_silent_too_long(scene: &Scene<'_>) -> bool {
    let now = scene.entries.last().map_or(Duration::ZERO, |entry| entry.at);
    let silent = |talk: &Talk<'_>| {
        let since = talk.last_sent().or(talk.opened);
        talk.ended.is_none()
            && since.is_some_and(|since| now.saturating_sub(since) >= scene.tolerances.control_timeout)
    };
    scene.others().iter().any(silent)
}

fn during_a_test(scene: &Scene<'_>) -> Option<Cause> {
    match scene.fault {
        Fault::BytesInSilence { .. } => Some(Cause::new(
            "clients-in-parallel",
            "A second client is served while a test is in progress",
            "One test at a time: do not start a thread for each client. Serve one client to its end, then accept() the \
             next; until then the next one waits in the backlog of the listening socket.",
        )),
        Fault::NotConnected { .. } => Some(Cause::new(
            "not-listening-during-test",
            "The listening socket is closed while a test is in progress",
            "Open the listening socket once, before the first client, and keep it open until the program ends. A \
             client that comes during a test waits in its backlog.",
        )),
        Fault::ClosedInSilence { by: EndedBy::EndOfFile, .. } => Some(Cause::new(
            "second-client-turned-away",
            "A second client is accepted during a test and turned away",
            "Do not accept() the second client at all before the first one is done: it waits in the backlog.",
        )),
        Fault::ClosedInSilence { .. } => Some(queue_lost()),
        _ => None,
    }
}
