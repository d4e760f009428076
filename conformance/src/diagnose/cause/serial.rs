//! A server that serves clients at the same time, or loses clients that wait.

use std::time::Duration;

use tester::protocol::message::{Message, Reply};

use super::timing::too_short;
use super::{Seen, seen};
use crate::diagnose::context::{Connection, Context};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::transcript::EndedBy;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if context.role() != Role::Server || context.exit().is_some() {
        return None;
    }
    let several = context.others().iter().any(|connection| connection.opened.is_some());
    if !several {
        return None;
    }
    if context.another_test_runs() {
        return during_a_test(context);
    }
    // This client was already connected when another one was still sending.
    let waited = |opened| context.others().iter().any(|other| other.last_sent() > Some(opened));
    let in_queue = context.connection.opened.is_some_and(waited);
    match context.fault {
        Fault::EndedBeforeBytes { .. } if in_queue && context.connection.received.is_empty() => {
            Some(seen("queue-lost"))
        }
        Fault::BytesInSilence { .. } => served_too_early(context),
        Fault::BytesMissing { .. } if context.others().iter().any(reset_in_queue) => Some(seen("queue-lost")),
        Fault::BytesMissing { waited, .. }
            if in_queue
                && context.connection.received.is_empty()
                && *waited < context.tolerances.control_timeout =>
        {
            (!any_silent_too_long(context)).then(|| seen("queue-lost"))
        }
        Fault::ClosedInSilence { .. } if in_queue => Some(seen("queue-lost")),
        _ => None,
    }
}

/// Whether a client that had sent its Request was reset without an answer.
fn reset_in_queue(connection: &Connection<'_>) -> bool {
    let reset = matches!(connection.ended, Some((_, EndedBy::Reset)));
    reset && !connection.sent.is_empty() && connection.received.is_empty()
}

/// The server served a client too early, because it gave up the client before it too early.
fn served_too_early(context: &Context<'_>) -> Option<Seen> {
    let limit = context.tolerances.control_timeout;
    let silent_for = |connection: &Connection<'_>| {
        let (ended, _) = connection.ended?;
        ended.checked_sub(connection.last_sent().or(connection.opened)?)
    };
    let too_early =
        context.others().iter().filter_map(silent_for).find(|after| *after >= limit / 4 && *after < limit);
    match too_early {
        Some(after) => Some(too_short(limit, after)),
        None if context.others().iter().any(gave_up_in_test) => Some(seen("closes-after-reply")),
        None => context.others().iter().any(Connection::is_open).then(|| seen("clients-in-parallel")),
    }
}

/// Whether the server closed after Reply, without a Done.
fn gave_up_in_test(connection: &Connection<'_>) -> bool {
    connection.has_reply() && connection.received_bytes().len() == Reply::SIZE && connection.ended.is_some()
}

/// Whether another client has been silent for the whole timeout. Then the timeout is the fault.
fn any_silent_too_long(context: &Context<'_>) -> bool {
    let now = context.entries.last().map_or(Duration::ZERO, |entry| entry.at);
    let silent = |connection: &Connection<'_>| {
        let since = connection.last_sent().or(connection.opened);
        connection.ended.is_none()
            && since.is_some_and(|since| now.saturating_sub(since) >= context.tolerances.control_timeout)
    };
    context.others().iter().any(silent)
}

fn during_a_test(context: &Context<'_>) -> Option<Seen> {
    match context.fault {
        Fault::BytesInSilence { .. } => Some(seen("clients-in-parallel")),
        Fault::NotConnected { .. } => Some(seen("not-listening-during-test")),
        // It may be reset, too: its Request was not read.
        Fault::ClosedInSilence { .. } => Some(seen("second-client-turned-away")),
        _ => None,
    }
}
