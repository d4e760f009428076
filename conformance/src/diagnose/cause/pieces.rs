//! A server that takes one read for one message, throws away what it has read, or does not see that its
//! client has left.

use tester::protocol::message::{Done, Message, MessageType, Request, TestType};

use super::Cause;
use super::shared::{closes_after_reply, queue_lost};
use super::timing::not_restarted;
use crate::diagnose::context::{Connection, Context, Progress};
use crate::model::bytes::Pattern;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::tolerance::LEAK_IN_EACH_BLOCK;
use crate::model::transcript::EndedBy;
use crate::words::message::due_after;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
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
        Fault::DataThreadRuns { .. } => Some(Cause::new(
            "data-thread-left",
            "The data thread of a test that was given up is not ended",
            "End and join the data thread on every way out of a session: after Done, after a fault, after a timeout, and \
             when the client leaves.",
        )),
        Fault::Leaked { between, after, .. } => Some(leaked(*between, *after)),
        _ => None,
    }
}

/// The message of which nothing has come, behind whole ones.
fn next_due(expected: &Pattern, actual: &[u8]) -> Option<MessageType> {
    due_after(expected, actual.len()).filter(|(_, begins)| *begins == actual.len()).map(|(kind, _)| kind)
}

/// A message that was due did not come: the connection was closed instead, or nothing happened.
fn unanswered(context: &Context<'_>, due: MessageType, closed: Option<EndedBy>) -> Option<Cause> {
    let connection = &context.connection;
    if closed.is_none() && waits_behind_another(context) {
        return None;
    }
    if closed.is_none()
        && let Some(cause) = still_busy(context)
    {
        return Some(cause);
    }
    // Whoever is gone before Done can have come, or without reading it, had left the session before.
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
        (MessageType::Reply, Progress::Asked(_)) if by_reset && !context.others().is_empty() => {
            Some(queue_lost())
        }
        (MessageType::Reply, Progress::Asked(test)) if !is_cut(connection, 0..Request::SIZE) => {
            (!waited_long(connection.opened)).then(|| request_unanswered(test, closed))
        }
        (MessageType::Results, Progress::Asked(_)) if closed && !waited_long(connection.opened) => {
            Some(closes_after_reply())
        }
        (MessageType::Reply, Progress::Finished(..)) if together(connection) => Some(Cause::new(
            "too-long-for-request",
            "A Request with a Done in the same segment is not answered",
            "recv() may bring more than one message. More than three bytes are no bad Request: take the first three, and \
             keep the rest for the next message.",
        )),
        (MessageType::Reply, Progress::PartOfRequest) if closed => Some(one_recv("Request", 3, closed)),
        (MessageType::Reply, _) if is_cut(connection, 0..Request::SIZE) => {
            Some(one_recv("Request", 3, closed))
        }
        (MessageType::Results, Progress::Finished(_, extra)) if extra > 0 && !together(connection) => {
            Some(Cause::new(
                "too-long-for-done",
                "A Done with further bytes behind it is not answered",
                "recv(1024) may bring more than the two bytes of Done: take the first two, answer, and close.",
            ))
        }
        (MessageType::Results, Progress::Finished(..)) if together(connection) => Some(eaten()),
        (MessageType::Results, Progress::Finished(..))
            if is_cut(connection, Request::SIZE..Request::SIZE + Done::SIZE) =>
        {
            Some(one_recv("Done", 2, closed))
        }
        (MessageType::Results, Progress::Finished(..)) if connection.half_closed => Some(Cause::new(
            "half-close",
            "A client that has closed its sending side is taken for one that has left",
            "The end-of-file stands behind Done: deal with the bytes that came before it first, answer, and close then.",
        )),
        (MessageType::Results, Progress::Finished(..)) if waited_long(connection.opened) => None,
        (MessageType::Results, Progress::Finished(..)) if before_done || by_reset => {
            Some(closes_after_reply())
        }
        (MessageType::Results, Progress::Finished(..)) => Some(no_results(closed)),
        _ => None,
    }
}

/// Whether a client that came before is still there: this one has to wait.
fn waits_behind_another(context: &Context<'_>) -> bool {
    let ahead = |connection: &Connection<'_>| {
        connection.opened.is_some()
            && connection.opened < context.connection.opened
            && connection.left.is_none()
            && connection.ended.is_none()
    };
    !context.connection.has_reply() && context.others().iter().any(ahead)
}

/// Whether the bytes of a message went out in more than one segment.
fn is_cut(connection: &Connection<'_>, message: std::ops::Range<usize>) -> bool {
    (message.start + 1..message.end).any(|offset| connection.cut_before(offset))
}

/// Whether Request and Done went out in one segment.
fn together(connection: &Connection<'_>) -> bool {
    connection.sent_bytes().len() > Request::SIZE && !connection.cut_before(Request::SIZE)
}

fn one_recv(message: &str, size: usize, closed: bool) -> Cause {
    let what = if closed { "closed on" } else { "never answered" };
    Cause::new(
        &format!("one-recv-{message}"),
        format!("One recv() is taken for one message: a {message} that comes in pieces is {what}"),
        format!(
            "TCP is a stream of bytes: recv({size}) may return fewer than {size}. Call it again until all {size} bytes are \
             there; only an empty result means that the client has left."
        ),
    )
}

fn eaten() -> Cause {
    Cause::new(
        "eaten-done",
        "The read for the Request swallows the Done behind it",
        "recv(1024) returns both messages, and the second one is thrown away. Read exactly the three bytes of a Request, \
         or keep what is left over for the next message.",
    )
}

fn request_unanswered(test: TestType, closed: bool) -> Cause {
    let what = if closed { "closes the connection on" } else { "does not answer" };
    Cause::new(
        &format!("request-unanswered-{}", test.name()),
        format!("The server {what} a valid Request for {}", test.name()),
        match closed {
            true => {
                "Its check refuses what is right: version 1, type 1, and a test type from 1 to 4, the 4 included."
            }
            false => {
                "It may wait for more than three bytes (recv with MSG_WAITALL, readline, a Request taken for longer), or \
                 not have sent what it wrote: flush() a file object, or use sendall()."
            }
        },
    )
}

fn no_results(closed: bool) -> Cause {
    match closed {
        true => Cause::new(
            "no-results",
            "Done is answered with a close, and no Results come",
            "Send the ten bytes of Results when Done has come, and close after that.",
        ),
        false => Cause::new(
            "done-unanswered",
            "Done is not answered",
            "The server may wait for its data thread, which waits for data or for its own time: tell the thread to stop \
             and answer. Or it waits for a third byte: Done has two.",
        ),
    }
}

/// An earlier client has left, and nobody is served since.
fn still_busy(context: &Context<'_>) -> Option<Cause> {
    let others = context.others();
    let before = others
        .iter()
        .rev()
        .find(|connection| connection.opened.is_some() && connection.opened < context.connection.opened)?;
    // Its own answer was complete: it is this session that went wrong.
    if before.received_bytes().len() >= 14 && before.ended.is_some() {
        return None;
    }
    if !context.connection.received_bytes().is_empty() {
        return None;
    }
    match (before.left, before.ended) {
        (Some(true), _) => Some(Cause::new(
            "stuck-after-reset",
            "After a client has reset its connection nobody is served any more",
            "The reset raises an error in recv() or send(). It must end that session only, and lead back to accept().",
        )),
        (Some(false), None) => Some(end_of_file_unseen()),
        (None, None) if before.half_closed => Some(end_of_file_unseen()),
        (_, Some(_)) => Some(Cause::new(
            "stuck-after-close",
            "After it has closed a connection the server serves nobody any more",
            "Closing one client's connection must lead back to accept(). Look for the end of the accept loop, or of its \
             thread, in the handling of errors and timeouts.",
        )),
        _ => None,
    }
}

fn end_of_file_unseen() -> Cause {
    Cause::new(
        "end-of-file-unseen",
        "The server does not notice that a client has left, and serves nobody else",
        "recv() returns nothing at all when the client has closed. A loop that collects bytes must end then, or it runs for \
         ever; and the control connection has to be read during the test as well.",
    )
}

fn closed_at_once(context: &Context<'_>) -> Option<Cause> {
    let connection = &context.connection;
    match connection.progress() {
        Progress::Silent => Some(Cause::new(
            "closes-at-once",
            "The server closes a connection on which nothing has been sent yet",
            "The client may take its time, 45 s at most: wait for its bytes. Look for a read that does not block.",
        )),
        Progress::PartOfRequest => Some(one_recv("Request", 3, true)),
        Progress::PartOfDone(_) => Some(one_recv("Done", 2, true)),
        Progress::Asked(_) if connection.has_reply() => Some(closes_after_reply()),
        _ => None,
    }
}

fn still_open(context: &Context<'_>) -> Option<Cause> {
    let connection = &context.connection;
    let received = connection.received_bytes().len();
    match connection.progress() {
        Progress::Finished(..) if received >= 14 => Some(Cause::new(
            "not-closed-after-results",
            "The server does not close the connection after Results",
            "It is the server that closes, at once. Close every reference to the socket (a thread's, a file object made of \
             it, a copy in a child process), and do not wait for the client to close first.",
        )),
        Progress::BadRequest(_) => Some(kept_open("a bad Request")),
        Progress::BadDone(_) => Some(kept_open("a bad Done")),
        _ if connection.half_closed || connection.left.is_some() => Some(end_of_file_unseen()),
        _ => None,
    }
}

fn kept_open(what: &str) -> Cause {
    Cause::new(
        &format!("kept-open-{}", what.replace(' ', "-")),
        format!("The connection stays open after {what}"),
        "When something is wrong the test is over: close the connection at once, and wait for the next client. Do not wait \
         for a better message, for more bytes, or for the timeout.",
    )
}

/// What the last block of sessions added to descriptors and threads.
fn leaked(before: (usize, usize), after: (usize, usize)) -> Cause {
    let (descriptors, threads) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    if threads >= descriptors.min(LEAK_IN_EACH_BLOCK) {
        return Cause::new(
            "threads-leaked",
            format!("Aborted sessions leave threads behind: the last hundred left {threads} more"),
            "Tell the data thread to stop and join it on every way out of a session, not only after Done.",
        );
    }
    Cause::new(
        "descriptors-leaked",
        format!("Aborted sessions leave open sockets behind: the last hundred left {descriptors} more"),
        "Close the control socket and the data socket on every way out of a session (with, finally, defer, Drop).",
    )
}
