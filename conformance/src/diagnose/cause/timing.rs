//! The silence timeout: there is none, it is too long or too short, or it does not start again.

use std::time::Duration;

use super::{Seen, seen};
use crate::diagnose::context::{Context, Progress};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::words::page::seconds;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if context.role() != Role::Server {
        return None;
    }
    let limit = context.tolerances.control_timeout;
    match context.fault {
        Fault::StillOpen { waited } if *waited >= limit => Some(too_late(context, *waited)),
        Fault::ClosedTooEarly { after, .. } | Fault::ClosedInSilence { after, .. }
            if *after >= context.tolerances.patience.min(limit / 4) =>
        {
            Some(too_early(context, *after))
        }
        // The connection was already closed when a late message came.
        Fault::EndedBeforeBytes { actual, .. } if actual.is_empty() => {
            let ended = context.connection.ended.map(|(at, _)| at)?;
            let last = context.connection.sent.iter().rev().map(|(at, _)| *at).find(|at| *at + LATE < ended);
            let since = ended.checked_sub(last.or(context.connection.opened)?)?;
            (since >= limit / 2 && since + context.tolerances.early < limit)
                .then(|| too_early(context, since))
        }
        Fault::BytesMissing { actual, .. } if actual.is_empty() => {
            let others = context.others();
            let waited_long =
                others.iter().any(|connection| connection.ended.is_none() && connection.left.is_none());
            waited_long.then(|| seen("no-timeout/holding").with("limit", seconds(limit)))
        }
        _ => None,
    }
}

/// A close within this time of our last byte may be the answer to it.
const LATE: Duration = Duration::from_secs(1);

/// What the server was waiting for, in words.
fn waiting_for(context: &Context<'_>) -> &'static str {
    match context.connection.progress() {
        Progress::Silent => "before the first byte of a Request",
        Progress::PartOfRequest => "in the middle of a Request",
        Progress::PartOfDone(_) => "in the middle of a Done",
        _ => "after Reply",
    }
}

fn too_late(context: &Context<'_>, waited: Duration) -> Seen {
    let limit = seconds(context.tolerances.control_timeout);
    // The server closed, but too late.
    if let Some(((at, _), since)) =
        context.connection.ended.zip(context.connection.last_sent().or(context.connection.opened))
    {
        let after = show(at.saturating_sub(since));
        return seen("timeout-too-long").with("after", after).with("limit", limit);
    }
    let open = seen("no-timeout/waiting").with("limit", limit).with("waited", seconds(waited));
    let settimeout = context.tolerances.control_timeout.as_secs_f64();
    open.with("where", waiting_for(context)).with("seconds", settimeout)
}

fn too_early(context: &Context<'_>, after: Duration) -> Seen {
    not_restarted(context).unwrap_or_else(|| too_short(context.tolerances.control_timeout, after))
}

pub(super) fn too_short(limit: Duration, after: Duration) -> Seen {
    let share = after.as_secs_f64() / limit.as_secs_f64();
    let (after, limit) = (show(after), seconds(limit));
    match (0.6..0.73).contains(&share) {
        true => seen("timeout-too-short/30-s").with("after", after).with("limit", limit),
        false => seen("timeout-too-short").with("after", after).with("limit", limit),
    }
}

/// A close one timeout after something earlier than the last byte.
pub(super) fn not_restarted(context: &Context<'_>) -> Option<Seen> {
    let limit = context.tolerances.control_timeout;
    let (ended, _) = context.connection.ended?;
    // A close right after our last byte is the answer to it, and no timeout.
    if context.connection.last_sent().is_some_and(|at| ended.saturating_sub(at) < limit / 20) {
        return None;
    }
    let due = |from: Duration| {
        let after = ended.saturating_sub(from);
        after + context.tolerances.early >= limit && after <= limit + context.tolerances.late
    };
    let (first, earlier) = context
        .connection
        .sent
        .split_last()
        .map(|(_, earlier)| earlier)
        .and_then(<[_]>::split_first)
        .map_or((None, &[][..]), |(first, rest)| (Some(first.0), rest));
    let opened = context.connection.opened?;
    let from = earlier.iter().map(|(at, _)| *at).chain(first).find(|at| due(*at));
    let late = || context.connection.last_sent().is_some_and(|at| at > opened + LATE);
    let limit = seconds(limit);
    (from.is_some() || (due(opened) && late())).then(|| seen("timeout-not-restarted").with("limit", limit))
}
