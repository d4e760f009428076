//! The silence timeout: none, another time, the wrong wait, or never started again.

use std::time::Duration;

use super::Cause;
use crate::diagnose::context::{Context, Progress};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::words::page::seconds;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
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
        // The late message comes upon a connection that had been closed meanwhile.
        Fault::EndedBeforeBytes { actual, .. } if actual.is_empty() => {
            let ended = context.connection.ended.map(|(at, _)| at)?;
            let touched =
                context.connection.sent.iter().rev().map(|(at, _)| *at).find(|at| *at + LATE < ended);
            let since = ended.checked_sub(touched.or(context.connection.opened)?)?;
            (since >= limit / 2).then(|| too_early(context, since))
        }
        Fault::BytesMissing { actual, .. } if actual.is_empty() => {
            let others = context.others();
            let waited_long =
                others.iter().any(|connection| connection.ended.is_none() && connection.left.is_none());
            waited_long.then(|| silent_client_holds(context))
        }
        _ => None,
    }
}

/// A close that follows our last byte within this time may be its answer.
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

fn too_late(context: &Context<'_>, waited: Duration) -> Cause {
    let limit = seconds(context.tolerances.control_timeout);
    // When it closed, where that was seen.
    if let Some(((at, _), since)) =
        context.connection.ended.zip(context.connection.last_sent().or(context.connection.opened))
    {
        let after = show(at.saturating_sub(since));
        return Cause::new(
            "timeout-too-long",
            format!("The timeout is too long: a silent client is closed after {after}, not after {limit}"),
            format!(
                "Set {limit}, as settimeout() on the accepted socket or as the limit of each wait for it."
            ),
        );
    }
    Cause::new(
        "no-timeout",
        format!(
            "A silent client is not closed after {limit}: it is still connected after {}",
            seconds(waited)
        ),
        format!(
            "Here it fell silent {}. There is no timeout in that place, or a longer one than {limit}. Every read from the \
             client needs it: call settimeout({}) on the accepted socket, once, right after accept().",
            waiting_for(context),
            context.tolerances.control_timeout.as_secs_f64()
        ),
    )
}

fn too_early(context: &Context<'_>, after: Duration) -> Cause {
    let limit = context.tolerances.control_timeout;
    if let Some(cause) = not_restarted(context) {
        return cause;
    }
    too_short(limit, after)
}

pub(super) fn too_short(limit: Duration, after: Duration) -> Cause {
    Cause::new(
        "timeout-too-short",
        format!("A silent client is closed after {}, not after {}", show(after), seconds(limit)),
        match after.as_secs_f64() / limit.as_secs_f64() {
            share if (0.6..0.73).contains(&share) => format!(
                "30 s is the example of the lecture for another project. Here it is {}; and no clock of the server's own \
                 ends a test.",
                seconds(limit)
            ),
            _ => format!(
                "Set {}, counted from the last byte that came; and let no clock of the server's own end a test.",
                seconds(limit)
            ),
        },
    )
}

/// A close that comes the whole timeout after something earlier than the last byte.
pub(super) fn not_restarted(context: &Context<'_>) -> Option<Cause> {
    let limit = context.tolerances.control_timeout;
    let (ended, _) = context.connection.ended?;
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
    let (what, key) = match from {
        Some(_) => ("an earlier byte", "timeout-not-restarted-message"),
        None if due(opened) && context.connection.last_sent().is_some_and(|at| at > opened + LATE) => {
            ("the accept", "timeout-not-restarted-session")
        }
        None => return None,
    };
    Some(Cause::new(
        key,
        format!(
            "The timeout is not started again: {} are counted from {what}, not from the last byte",
            seconds(limit)
        ),
        "Whatever comes from the client, a single byte included, starts the time again: set the timeout for each recv() \
         rather than one deadline for a whole message or session.",
    ))
}

fn silent_client_holds(context: &Context<'_>) -> Cause {
    let limit = seconds(context.tolerances.control_timeout);
    Cause::new(
        "no-timeout",
        format!("A silent client is not closed after {limit}, and holds the server"),
        format!(
            "Close a client that has been silent for {limit}, wherever in the session that is, and accept the next one."
        ),
    )
}
