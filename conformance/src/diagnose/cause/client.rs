//! A client that sends at a wrong time, or does not see what its server does.

use std::time::Duration;

use tester::protocol::message::{Message, MessageType, Reply, Results};

use super::output::CLOSING;
use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::model::step::Status;
use crate::model::transcript::Exit;
use crate::words::dialogue::count_bytes;
use crate::words::message::{due, size};

/// The number of bytes that a server sends in a session.
const SESSION_BYTES: usize = Reply::SIZE + Results::SIZE;

/// A client that sends Done within this time of Reply did not wait at all.
const AT_ONCE: Duration = Duration::from_millis(300);

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    let about_arguments =
        matches!(context.fault, Fault::WrongExit { .. } | Fault::StillRunning { .. } | Fault::NoMessage);
    if context.role() != Role::Client || (context.is_about("CLI") && about_arguments) {
        return None;
    }
    let about_the_end = matches!(
        context.fault,
        Fault::WrongExit { .. } | Fault::StillRunning { .. } | Fault::NoLongerRunning { .. }
    );
    if about_the_end && leaves_after_done(context) {
        return Some(seen("leaves-after-done"));
    }
    if context.is_about("CLT-8")
        && let Some(cause) = unchecked(context)
    {
        return Some(cause);
    }
    match context.fault {
        Fault::BytesInSilence { actual } => Some(unasked(context, actual)),
        Fault::BytesTooEarly { after, .. } => Some(too_early(context, *after)),
        Fault::BytesMissing { expected, actual, waited } if actual.is_empty() => {
            no_message(context, due(expected)?, *waited)
        }
        Fault::EndedBeforeBytes { expected, .. } => left(context, due(expected)),
        Fault::ClosedInSilence { .. } => left(context, None),
        Fault::StillRunning { .. } => Some(still_running(context)),
        Fault::WrongExit { exit, wanted } => wrong_exit(context, *exit, *wanted),
        Fault::NoMessage => Some(seen("fails-without-a-word")),
        Fault::NotAccepted { exit, waited } => Some(never_came(context, *exit, *waited)),
        Fault::WrongAddress { expected, actual } => {
            Some(seen("target-ignored").with("actual", actual).with("target", expected))
        }
        Fault::NotPrinted { .. }
            if context.is_about("CLT-7") || context.is_about("CLT-6") || context.is_about("CLT-11") =>
        {
            Some(count(context))
        }
        Fault::NotPrinted { .. } if context.is_about("CLT-5") => Some(seen("no-report")),
        _ => None,
    }
}

/// Whether the client closed right after its Done, before anything came back.
fn leaves_after_done(context: &Context<'_>) -> bool {
    const DONE: [u8; 2] = [1, MessageType::Done as u8];
    let connection = &context.connection;
    let done = connection.received.last().filter(|_| connection.received_bytes().ends_with(&DONE));
    let Some(((done, _), (ended, _))) = done.zip(connection.ended) else { return false };
    let answered = connection.last_sent().is_some_and(|at| at > *done && at <= ended);
    !answered && ended.saturating_sub(*done) < AT_ONCE
}

/// A client that goes on, or ends well, after an answer with a wrong version or type.
fn unchecked(context: &Context<'_>) -> Option<Seen> {
    let complained = !context.case.stderr.trim().is_empty();
    let goes_on = match context.fault {
        Fault::StillRunning { .. } | Fault::BytesInSilence { .. } => true,
        Fault::WrongExit { wanted: Status::Nonzero, .. } => !complained,
        _ => false,
    };
    let sent = context.connection.sent_bytes();
    let (message, answer) = match sent.split_at_checked(Reply::SIZE) {
        Some(([1, 2, ..], results)) if !results.is_empty() => (MessageType::Results, results),
        _ => (MessageType::Reply, &sent[..]),
    };
    match answer {
        [version, ..] if goes_on && *version != 1 => {
            Some(seen("{message}-version-unchecked").with("message", message).with("value", version))
        }
        [_, kind, ..] if goes_on && *kind != message as u8 => {
            Some(seen("{message}-type-unchecked").with("message", message).with("value", kind))
        }
        _ => None,
    }
}

fn unasked(context: &Context<'_>, actual: &[u8]) -> Seen {
    let had_reply = !context.connection.sent.is_empty();
    match (had_reply, actual) {
        (false, [1, kind, ..]) if *kind == MessageType::Done as u8 => seen("done-before-reply"),
        (false, [1, kind, ..]) if *kind == MessageType::Request as u8 => seen("request-twice"),
        (false, _) => seen("{message}-too-long")
            .with("message", MessageType::Request)
            .with("extra", count_bytes(actual.len())),
        (true, [1, kind, ..]) if *kind == MessageType::Done as u8 => too_early(context, Duration::ZERO),
        (true, _) => seen("client-speaks-during-test"),
    }
}

fn too_early(context: &Context<'_>, after: Duration) -> Seen {
    let time = context.option("--time");
    if after < AT_ONCE {
        return seen("done-at-once");
    }
    match time {
        None => seen("default-time/shorter").with("after", show(after)),
        Some(time) => seen("done-too-early").with("after", show(after)).with("time", time),
    }
}

fn no_message(context: &Context<'_>, due: MessageType, waited: Duration) -> Option<Seen> {
    match due {
        MessageType::Request => Some(seen("no-request")),
        MessageType::Done if context.connection.is_cut(0..Reply::SIZE) => Some(one_recv(MessageType::Reply)),
        MessageType::Done => Some(match context.option("--time") {
            None => seen("default-time/longer").with("waited", show(waited)),
            Some(time) if context.output().to_lowercase().contains(CLOSING) => {
                seen("no-done/closed").with("waited", show(waited)).with("time", time)
            }
            Some(time) => seen("no-done").with("waited", show(waited)).with("time", time),
        }),
        _ => None,
    }
}

fn left(context: &Context<'_>, due: Option<MessageType>) -> Option<Seen> {
    if context.connection.is_cut(0..Reply::SIZE) {
        return Some(one_recv(MessageType::Reply));
    }
    let connection = &context.connection;
    match due {
        Some(MessageType::Done) | None if !connection.sent.is_empty() => Some(seen("leaves-without-done")),
        _ => {
            // It waited for Reply, and left before that came.
            let asked = connection.received.last().map(|(at, _)| *at)?;
            let (left, _) = connection.ended.filter(|_| connection.sent.is_empty())?;
            Some(seen("gives-up-on-reply").with("after", show(left.saturating_sub(asked))))
        }
    }
}

fn still_running(context: &Context<'_>) -> Seen {
    let connection = &context.connection;
    if connection.sent_bytes().len() >= SESSION_BYTES {
        if connection.is_cut(Reply::SIZE..SESSION_BYTES) {
            return one_recv(MessageType::Results);
        }
        return seen("waits-after-results");
    }
    if connection.left.is_some() {
        return seen("server-gone-unseen");
    }
    if connection.opened.is_none() {
        return seen("retries");
    }
    seen("bad-answer-unseen")
}

fn wrong_exit(context: &Context<'_>, exit: Exit, wanted: Status) -> Option<Seen> {
    let complete = context.connection.sent_bytes().len() >= SESSION_BYTES;
    match wanted {
        Status::Zero if context.connection.is_cut(Reply::SIZE..SESSION_BYTES) => {
            Some(one_recv(MessageType::Results))
        }
        Status::Zero if complete => Some(seen("fails-after-success").with("exit", exit)),
        Status::Zero => None,
        Status::Nonzero
            if context.connection.opened.is_some()
                && context.connection.left.is_none()
                && context.case.stderr.trim().is_empty() =>
        {
            Some(seen("bad-answer-accepted"))
        }
        Status::Nonzero => Some(seen("fails-with-status-0")),
    }
}

fn never_came(context: &Context<'_>, exit: Option<Exit>, waited: Duration) -> Seen {
    let Some(target) = context.option("--target") else {
        return match exit {
            Some(exit) => seen("default-target/ends").with("exit", exit).with("said", context.said()),
            None => seen("default-target/waits").with("waited", show(waited)),
        };
    };
    match exit {
        Some(exit) => seen("client-ends-before-connecting")
            .with("exit", exit)
            .with("target", target)
            .with("said", context.said()),
        None => seen("client-never-connects").with("target", target).with("waited", show(waited)),
    }
}

fn count(context: &Context<'_>) -> Seen {
    let sent = context.connection.sent_bytes();
    let field = sent.get(Reply::SIZE + 2..SESSION_BYTES).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let digits: String =
        context.output().chars().filter(|letter| letter.is_ascii_digit() || letter.is_whitespace()).collect();
    let shown = |value: u64| digits.split_whitespace().any(|word| word == value.to_string());
    if context.connection.is_cut(Reply::SIZE..SESSION_BYTES) {
        return one_recv(MessageType::Results);
    }
    match field.map(u64::from_be_bytes) {
        Some(value) if shown(value.swap_bytes()) => {
            seen("count-read-little-endian").with("shown", value.swap_bytes()).with("count", value)
        }
        Some(value) if value > u64::from(u32::MAX) && shown(value & 0xffff_ffff) => {
            seen("count-read-32-bits").with("shown", value & 0xffff_ffff).with("count", value)
        }
        _ => seen("count-not-reported"),
    }
}

fn one_recv(message: MessageType) -> Seen {
    seen("one-recv-{message}/client").with("message", message).with("size", size(message))
}
