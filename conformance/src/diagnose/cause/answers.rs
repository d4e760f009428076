//! A server that answers what it should refuse, or when nothing is due.

use tester::protocol::fault::Fault as Flaw;
use tester::protocol::message::MessageType;

use super::Cause;
use super::bytes::results_before_done;
use crate::diagnose::context::{Context, Progress};
use crate::model::case::Role;
use crate::model::fault::Fault;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    let actual = match context.fault {
        Fault::BytesBeforeClose { actual } | Fault::BytesInSilence { actual } => actual.as_slice(),
        _ => return None,
    };
    if context.role() != Role::Server {
        return None;
    }
    if came_with_timeout(context) {
        return Some(timeout_answers());
    }
    match context.connection.progress() {
        Progress::Silent => Some(Cause::new(
            "speaks-first",
            "The server speaks first: it sends bytes before the client has sent a Request",
            "Reply answers a Request. After accept() read the three bytes of a Request, check them, and answer then.",
        )),
        Progress::PartOfRequest => Some(Cause::new(
            "answers-part-of-request",
            "A part of a Request is answered as if it were the whole",
            "A Request has three bytes, and one recv() may bring fewer: collect them in a loop until all three are there.",
        )),
        Progress::Asked(_) if actual.starts_with(&[1, MessageType::Results as u8]) => {
            Some(results_before_done())
        }
        Progress::Asked(_) => Some(Cause::new(
            "speaks-during-test",
            "The server sends bytes between Reply and Done",
            "The control connection is silent during a test. Print signs of life locally, and send each message once.",
        )),
        Progress::PartOfDone(_) => Some(Cause::new(
            "answers-part-of-done",
            "A part of a Done is answered as if it were the whole",
            "A Done has two bytes, and one recv() may bring only one: collect them in a loop until both are there.",
        )),
        Progress::Finished(..) => Some(Cause::new(
            "speaks-after-results",
            "Further bytes follow Results",
            "Ten bytes of Results, then close: nothing comes behind them.",
        )),
        Progress::BadRequest(flaw) => bad_request(context, &flaw, actual),
        Progress::BadDone(flaw) => bad_done(&flaw, actual),
    }
}

/// Bytes that come only when the client has been silent for about as long as the timeout.
fn came_with_timeout(context: &Context<'_>) -> bool {
    let Some((came, _)) = context.connection.received.last() else { return false };
    let Some(since) = context.connection.last_sent().or(context.connection.opened) else { return false };
    came.saturating_sub(since) + context.tolerances.early >= context.tolerances.control_timeout
}

fn timeout_answers() -> Cause {
    Cause::new(
        "timeout-answers",
        "When the timeout ends a session, an answer is sent before the close",
        "After a timeout there is only the close. Look for an except that falls through to the code behind the read, \
         and for an answer in a finally.",
    )
}

fn bad_request(context: &Context<'_>, flaw: &Flaw, actual: &[u8]) -> Option<Cause> {
    // A refusal that is said aloud: an answer that no client can use, and then the close.
    if actual.starts_with(&[1, MessageType::Reply as u8, 0, 0]) || actual.first() != Some(&1) {
        return Some(Cause::new(
            "refusal-answered",
            "A bad Request is refused with an answer",
            "The protocol has no message for a refusal: close the connection without a word.",
        ));
    }
    Some(match flaw {
        Flaw::NotAllowed { field, value, .. } if field.name == "version" => Cause::new(
            "no-version-check-request",
            format!("The version of a Request is not checked: version {value} is answered like version 1"),
            "Compare the first byte with 1 before anything else; whatever is not 1 is refused by closing the connection.",
        ),
        Flaw::NotAllowed { field, value, .. } if field.name == "test_type" => Cause::new(
            "no-test-type-check",
            format!("The test type of a Request is not checked: type {value} does not exist and is answered"),
            "There are only 1 TCP_STREAM, 2 TCP_RR, 3 UDP_STREAM and 4 UDP_RR: close the connection on any other value.",
        ),
        _ => Cause::new(
            "no-type-check-request",
            format!(
                "The message type is not checked: {} is answered as if it were a Request",
                context
                    .connection
                    .sent_bytes()
                    .get(1)
                    .map_or("a message".to_owned(), |kind| format!("a message of type {kind}"))
            ),
            "The first message has to be a Request: compare the second byte with 1, and close the connection otherwise.",
        ),
    })
}

fn bad_done(flaw: &Flaw, actual: &[u8]) -> Option<Cause> {
    let results = actual.starts_with(&[1, MessageType::Results as u8]);
    Some(match flaw {
        Flaw::NotDue { got: MessageType::Request, .. } if !results => Cause::new(
            "second-request-answered",
            "A second Request on the same connection is answered in the middle of a test",
            "One connection carries one test. After Reply only Done is due: close the connection on everything else.",
        ),
        Flaw::NotAllowed { field, value, .. } if field.name == "version" => Cause::new(
            "no-version-check-done",
            format!("The version of Done is not checked: version {value} is answered like version 1"),
            "Every message has its version checked, not only the first: use the same check for Request and Done.",
        ),
        Flaw::NotAllowed { .. } | Flaw::NotDue { .. } => Cause::new(
            "no-type-check-done",
            "The message type of Done is not checked: any second message is answered with Results",
            "Where Done is due, compare the second byte with 3, and close the connection on any other value.",
        ),
        Flaw::Truncated { .. } | Flaw::Trailing { .. } => return None,
    })
}
