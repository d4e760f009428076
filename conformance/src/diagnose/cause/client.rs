//! A client that speaks out of turn, takes the wrong time, or does not see what its server does.

use std::time::Duration;

use tester::protocol::message::{Message, MessageType, Reply, Results};

use super::Cause;
use super::bytes::done_before_reply;
use crate::diagnose::context::{Connection, Context};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::model::step::Status;
use crate::model::transcript::Exit;
use crate::words::dialogue::count_bytes;
use crate::words::message::due;

/// The whole of what a server sends in a session, bytes.
const SESSION_BYTES: usize = Reply::SIZE + Results::SIZE;

/// A Done within this time of Reply was not waited for at all.
const AT_ONCE: Duration = Duration::from_millis(300);

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    let of_the_call =
        matches!(context.fault, Fault::WrongExit { .. } | Fault::StillRunning { .. } | Fault::NoMessage);
    if context.role() != Role::Client || (context.is_about("CLI") && of_the_call) {
        return None;
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
        Fault::NoMessage => Some(Cause::new(
            "fails-without-a-word",
            "The client fails without saying why",
            "Print one line that says what went wrong (and with which target), then exit with status 1. The lines of the \
             data thread are no such message.",
        )),
        Fault::NotAccepted { exit, waited } => Some(never_came(context, *exit, *waited)),
        Fault::WrongAddress { expected, actual } => Some(Cause::new(
            "target-ignored",
            format!("The client connects to {actual} where --target says {expected}"),
            "Connect to what --target names, an address or a host name: create_connection((target, 5678)) takes both.",
        )),
        Fault::NotPrinted { .. }
            if context.is_about("CLT-7") || context.is_about("CLT-6") || context.is_about("CLT-11") =>
        {
            Some(count(context))
        }
        Fault::NotPrinted { .. } if context.is_about("CLT-5") => Some(Cause::new(
            "no-report",
            "The client prints no result",
            "Read the ten bytes of Results, and print what the test has shown before leaving.",
        )),
        _ => None,
    }
}

fn unasked(context: &Context<'_>, actual: &[u8]) -> Cause {
    let had_reply = !context.connection.sent.is_empty();
    match (had_reply, actual) {
        (false, [1, kind, ..]) if *kind == MessageType::Done as u8 => done_before_reply(),
        (false, [1, kind, ..]) if *kind == MessageType::Request as u8 => Cause::new(
            "request-twice",
            "The Request is sent a second time",
            "Send it once, then read until the four bytes of Reply are there, however long that takes.",
        ),
        (false, _) => Cause::new(
            "request-too-long",
            format!("{} more are sent behind the Request", count_bytes(actual.len())),
            "The Request has exactly three bytes: no terminating zero, no padding, no line end.",
        ),
        (true, [1, kind, ..]) if *kind == MessageType::Done as u8 => too_early(context, Duration::ZERO),
        (true, _) => Cause::new(
            "client-speaks-during-test",
            "The client sends bytes on the control connection during the test",
            "The control connection is silent between Reply and Done; test data has a socket of its own.",
        ),
    }
}

fn too_early(context: &Context<'_>, after: Duration) -> Cause {
    let time = context.option("--time");
    if after < AT_ONCE {
        return Cause::new(
            "done-at-once",
            "Done is sent right after Reply, without waiting for the test",
            "Starting the data thread does not wait for it: join() it, then send Done.",
        );
    }
    match time {
        None => default_time(&show(after)),
        Some(time) => Cause::new(
            "done-too-early",
            format!("Done is sent {} after Reply, with --time={time}", show(after)),
            "The time runs from Reply, not from the start of the program or from the connect, and it is in seconds.",
        ),
    }
}

fn default_time(measured: &str) -> Cause {
    Cause::new(
        "default-time",
        format!("Without --time the test lasts {measured} instead of 30 s"),
        "Give --time the default 30.",
    )
}

fn no_message(context: &Context<'_>, due: MessageType, waited: Duration) -> Option<Cause> {
    match due {
        MessageType::Request => Some(Cause::new(
            "no-request",
            "The client connects and sends no Request",
            "Send the three bytes 01 01 TT right after the connect; flush() what a file object holds back.",
        )),
        MessageType::Done if is_cut(&context.connection, 0..Reply::SIZE) => {
            Some(one_recv("Reply", Reply::SIZE))
        }
        MessageType::Done => Some(match context.option("--time") {
            None => Cause::new(
                "default-time",
                format!(
                    "Without --time no Done has come {} after Reply: the default is longer than 30 s",
                    show(waited)
                ),
                "Give --time the default 30.",
            ),
            Some(time) => Cause::new(
                "no-done",
                format!("No Done has come {} after Reply, with --time={time}", show(waited)),
                "Either --time is not used (30 s is only its default), or Done is never sent: the server waits for it, and \
                 the client for Results. Send 01 03 as soon as the data thread has ended.",
            ),
        }),
        _ => None,
    }
}

fn left(context: &Context<'_>, due: Option<MessageType>) -> Option<Cause> {
    if is_cut(&context.connection, 0..Reply::SIZE) {
        return Some(one_recv("Reply", Reply::SIZE));
    }
    match due {
        Some(MessageType::Done) | None if !context.connection.sent.is_empty() => Some(Cause::new(
            "leaves-without-done",
            "The client closes the connection without sending Done",
            "Keep the control connection open during the test; then send 01 03, and wait for Results.",
        )),
        _ => None,
    }
}

fn still_running(context: &Context<'_>) -> Cause {
    let connection = &context.connection;
    if connection.sent_bytes().len() >= SESSION_BYTES {
        if is_cut(connection, Reply::SIZE..SESSION_BYTES) {
            return one_recv("Results", Results::SIZE);
        }
        return Cause::new(
            "waits-after-results",
            "The client does not end after Results",
            "Ten bytes of Results, and the session is over: do not wait for more, and see to it that no thread keeps the \
             program alive.",
        );
    }
    if connection.left.is_some() {
        return Cause::new(
            "server-gone-unseen",
            "The client does not notice that the server has left",
            "recv() returns nothing at all when the server has closed. A loop that collects bytes must end then, with a \
             message and status 1, or it runs for ever.",
        );
    }
    if connection.opened.is_none() {
        return Cause::new(
            "retries",
            "The client goes on where it cannot connect",
            "Say what is wrong (\"connection refused\", \"unknown host\") and exit with status 1.",
        );
    }
    Cause::new(
        "bad-answer-unseen",
        "The client goes on after an answer that is wrong",
        "Check version and type of Reply and Results; when they are wrong print a message and exit with status 1.",
    )
}

fn wrong_exit(context: &Context<'_>, exit: Exit, wanted: Status) -> Option<Cause> {
    let complete = context.connection.sent_bytes().len() >= SESSION_BYTES;
    match wanted {
        Status::Zero if complete && is_cut(&context.connection, Reply::SIZE..SESSION_BYTES) => {
            Some(one_recv("Results", Results::SIZE))
        }
        Status::Zero if complete => Some(Cause::new(
            "fails-after-success",
            format!("After a complete test the client ends with {exit}"),
            "Results came, and the test succeeded: exit with status 0. Look for a return value of main() that becomes the \
             status, and for an error of shutdown() or close() when the server has closed already.",
        )),
        Status::Zero => None,
        Status::Nonzero if context.connection.opened.is_some() && context.connection.left.is_none() => {
            Some(Cause::new(
                "bad-answer-accepted",
                "A wrong answer of the server is taken as good: the client ends with status 0",
                "Check version and type of Reply and Results; when they are wrong print a message and exit with status 1.",
            ))
        }
        Status::Nonzero => Some(Cause::new(
            "fails-with-status-0",
            "The test fails, and the client ends with status 0 all the same",
            "A failed test ends with a status other than 0: sys.exit(1) after the message. An incomplete Results is no \
             result.",
        )),
    }
}

fn never_came(context: &Context<'_>, exit: Option<Exit>, waited: Duration) -> Cause {
    let target = context.option("--target").map_or("localhost (the default)".to_owned(), str::to_owned);
    match exit {
        Some(exit) => Cause::new(
            "client-ends-before-connecting",
            format!("The client ends with {exit} before it has connected to port 5678 of {target}"),
            "Its own output below should say why: arguments that it does not understand, an address that it cannot use, or \
             another port than 5678.",
        ),
        None => Cause::new(
            "client-never-connects",
            format!("The client does not connect to port 5678 of {target} within {}", show(waited)),
            "Connect right after the arguments are read, to TCP port 5678 of --target (localhost by default).",
        ),
    }
}

fn count(context: &Context<'_>) -> Cause {
    let sent = context.connection.sent_bytes();
    let field = sent.get(Reply::SIZE + 2..SESSION_BYTES).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let digits: String =
        context.output().chars().filter(|letter| letter.is_ascii_digit() || letter.is_whitespace()).collect();
    let shown = |value: u64| digits.split_whitespace().any(|word| word == value.to_string());
    match field.map(u64::from_be_bytes) {
        Some(value) if shown(value.swap_bytes()) => Cause::new(
            "count-read-little-endian",
            format!("The count in Results is read low byte first: {} instead of {value}", value.swap_bytes()),
            "Numbers of more than one byte are big-endian: struct.unpack(\"!BBQ\", ...) in Python (the \"!\" matters), \
             be64toh() in C, from_be_bytes() in Rust.",
        ),
        Some(value) if value > u64::from(u32::MAX) && (shown(value & 0xffff_ffff) || shown(value >> 32)) => {
            Cause::new(
                "count-read-32-bits",
                format!(
                    "Only 4 bytes of the count in Results are used: {} instead of {value}",
                    value & 0xffff_ffff
                ),
                "The count has 8 bytes: \"Q\" in struct.unpack(\"!BBQ\", ...), uint64_t in C, u64 in Rust.",
            )
        }
        _ => Cause::new(
            "count-not-reported",
            "The count in Results is not reported",
            "Print how many datagrams the server received, or the loss that follows from it.",
        ),
    }
}

fn is_cut(connection: &Connection<'_>, message: std::ops::Range<usize>) -> bool {
    (message.start + 1..message.end).any(|offset| connection.cut_before(offset))
}

fn one_recv(message: &str, size: usize) -> Cause {
    Cause::new(
        &format!("one-recv-{message}"),
        format!("One recv() is taken for one message: a {message} that comes in pieces is not understood"),
        format!(
            "TCP is a stream of bytes: recv({size}) may return fewer than {size}. Call it again until all {size} bytes are \
             there; only an empty result means that the server has left."
        ),
    )
}
