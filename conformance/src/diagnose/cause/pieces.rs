//! A server that takes one read for one message, loses bytes that it has read, or does not see that its client has left.

use tester::protocol::message::{Done, Message, MessageType, Request, TestType};

use super::timing::not_restarted;
use super::{Seen, seen};
use crate::diagnose::context::{Connection, Context, Progress};
use crate::model::bytes::Pattern;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::tolerance::LEAK_IN_EACH_BLOCK;
use crate::model::transcript::EndedBy;
use crate::words::message::{due_after, size};

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if context.role() != Role::Server {
        return None;
    }
    match context.fault {
        Fault::EndedBeforeBytes { expected, actual, by } => {
            unanswered(context, next_due(expected, actual)?, Some(*by))
        }
        Fault::BytesMissing { expected, actual, .. } => {
            unanswered(context, next_due(expected, actual)?, None)
        }
        Fault::ClosedInSilence { after, .. } if *after < context.tolerances.patience => {
            not_restarted(context).or_else(|| closed_at_once(context))
        }
        Fault::StillOpen { waited } if *waited < context.tolerances.control_timeout => still_open(context),
        Fault::DataThreadRuns { .. } => Some(seen("data-thread-left")),
        Fault::Leaked { between, after, .. } => Some(leaked(*between, *after)),
        _ => None,
    }
}

/// The message that is due, if only whole messages came before it.
fn next_due(expected: &Pattern, actual: &[u8]) -> Option<MessageType> {
    due_after(expected, actual.len()).filter(|(_, begins)| *begins == actual.len()).map(|(kind, _)| kind)
}

/// A message that was due did not come. The connection was closed instead, or nothing happened.
fn unanswered(context: &Context<'_>, due: MessageType, closed: Option<EndedBy>) -> Option<Seen> {
    let connection = &context.connection;
    if closed.is_none() && waits_behind_another(context) {
        return None;
    }
    if closed.is_none()
        && let Some(cause) = still_busy(context)
    {
        return Some(cause);
    }
    // A server that closed before Done came, or did not read it, had ended the session before.
    let before_done =
        connection.ended.is_some_and(|(at, _)| connection.last_sent().is_none_or(|sent| at < sent));
    let by_reset = closed == Some(EndedBy::Reset);
    let closed = closed.is_some();
    let waited_long = |from: Option<std::time::Duration>| {
        let patience = context.tolerances.patience;
        let ended = connection.ended.map(|(at, _)| at).or(connection.last_sent());
        from.zip(ended).is_some_and(|(from, ended)| ended.saturating_sub(from) > patience)
    };
    match (due, connection.progress()) {
        (MessageType::Reply, Progress::Asked(_))
            if by_reset && !context.others().is_empty() && !connection.is_cut(0..Request::SIZE) =>
        {
            Some(seen("queue-lost"))
        }
        (MessageType::Reply, Progress::Asked(test)) if !connection.is_cut(0..Request::SIZE) => {
            (!waited_long(connection.opened)).then(|| request_unanswered(test, closed))
        }
        (MessageType::Results, Progress::Asked(_)) if closed && !waited_long(connection.opened) => {
            Some(seen("closes-after-reply"))
        }
        (MessageType::Reply, Progress::Finished(..)) if together(connection) => {
            Some(seen("too-long-for-request"))
        }
        (MessageType::Reply, Progress::PartOfRequest) if closed => {
            Some(one_recv(MessageType::Request, closed))
        }
        (MessageType::Reply, _) if connection.is_cut(0..Request::SIZE) => {
            Some(one_recv(MessageType::Request, closed))
        }
        (MessageType::Results, Progress::Finished(_, extra)) if extra > 0 && !together(connection) => {
            Some(seen("too-long-for-done"))
        }
        (MessageType::Results, Progress::Finished(..)) if together(connection) => Some(seen("eaten-done")),
        (MessageType::Results, Progress::Finished(..))
            if connection.is_cut(Request::SIZE..Request::SIZE + Done::SIZE) =>
        {
            Some(one_recv(MessageType::Done, closed))
        }
        (MessageType::Results, Progress::Finished(..)) if connection.half_closed => Some(seen("half-close")),
        (MessageType::Results, Progress::Finished(..)) if waited_long(connection.opened) => None,
        (MessageType::Results, Progress::Finished(..)) if before_done || by_reset => {
            Some(seen("closes-after-reply"))
        }
        (MessageType::Results, Progress::Finished(..)) if closed => Some(seen("no-results")),
        (MessageType::Results, Progress::Finished(..)) => Some(seen("done-unanswered")),
        _ => None,
    }
}

/// Whether an earlier client is still connected, so that this one must wait.
fn waits_behind_another(context: &Context<'_>) -> bool {
    let ahead =
        |connection: &Connection<'_>| connection.is_open() && connection.opened < context.connection.opened;
    !context.connection.has_reply() && context.others().iter().any(ahead)
}

/// Whether Request and Done went out in one segment.
fn together(connection: &Connection<'_>) -> bool {
    connection.sent_bytes().len() > Request::SIZE && !connection.cut_before(Request::SIZE)
}

fn one_recv(message: MessageType, closed: bool) -> Seen {
    match closed {
        true => seen("one-recv-{message}/closed").with("message", message).with("size", size(message)),
        false => seen("one-recv-{message}/unanswered").with("message", message).with("size", size(message)),
    }
}

fn request_unanswered(test: TestType, closed: bool) -> Seen {
    match closed {
        true => seen("request-unanswered/closed").with("tests", test.name()),
        false => seen("request-unanswered/silent").with("tests", test.name()),
    }
}

/// An earlier client has left, and the server has served nobody since then.
fn still_busy(context: &Context<'_>) -> Option<Seen> {
    let others = context.others();
    let before = others
        .iter()
        .rev()
        .find(|connection| connection.opened.is_some() && connection.opened < context.connection.opened)?;
    // The earlier session was complete, so the fault is in this one.
    if before.received_bytes().len() >= 14 && before.ended.is_some() {
        return None;
    }
    if !context.connection.received_bytes().is_empty() {
        return None;
    }
    match (before.left, before.ended) {
        (Some(true), _) => Some(seen("stuck-after-reset")),
        (Some(false), None) => Some(seen("end-of-file-unseen")),
        (None, None) if before.half_closed => Some(seen("end-of-file-unseen")),
        (_, Some(_)) => Some(seen("stuck-after-close")),
        _ => None,
    }
}

fn closed_at_once(context: &Context<'_>) -> Option<Seen> {
    let connection = &context.connection;
    match connection.progress() {
        Progress::Silent => Some(seen("closes-at-once")),
        Progress::PartOfRequest => Some(one_recv(MessageType::Request, true)),
        Progress::PartOfDone(_) => Some(one_recv(MessageType::Done, true)),
        Progress::Asked(_) if connection.has_reply() => Some(seen("closes-after-reply")),
        _ => None,
    }
}

fn still_open(context: &Context<'_>) -> Option<Seen> {
    let connection = &context.connection;
    let received = connection.received_bytes().len();
    match connection.progress() {
        Progress::Finished(..) if received >= 14 => Some(seen("not-closed-after-results")),
        Progress::BadRequest(_) => Some(seen("kept-open-a-bad-{message}").with("message", "Request")),
        Progress::BadDone(_) => Some(seen("kept-open-a-bad-{message}").with("message", "Done")),
        _ if connection.half_closed || connection.left.is_some() => Some(seen("end-of-file-unseen")),
        _ => None,
    }
}

/// The descriptors or threads that the last block of sessions added.
fn leaked(before: (usize, usize), after: (usize, usize)) -> Seen {
    let (descriptors, threads) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    if threads >= descriptors.min(LEAK_IN_EACH_BLOCK) {
        return seen("threads-leaked").with("threads", threads);
    }
    seen("descriptors-leaked").with("descriptors", descriptors)
}
