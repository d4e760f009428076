//! A server that answers what it must refuse, or that sends when nothing is due.

use tester::protocol::fault::Fault as Flaw;
use tester::protocol::message::MessageType;

use super::{Seen, seen};
use crate::diagnose::context::{Context, Progress};
use crate::model::case::Role;
use crate::model::fault::Fault;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    let actual = match context.fault {
        Fault::BytesBeforeClose { actual } | Fault::BytesInSilence { actual } => actual.as_slice(),
        _ => return None,
    };
    if context.role() != Role::Server {
        return None;
    }
    if came_with_timeout(context) {
        return Some(seen("timeout-answers"));
    }
    match context.connection.progress() {
        Progress::Silent => Some(seen("speaks-first")),
        Progress::PartOfRequest => Some(seen("answers-part-of-request")),
        Progress::Asked(_) if actual.starts_with(&[1, MessageType::Results as u8]) => {
            Some(seen("results-before-done"))
        }
        Progress::Asked(_) => Some(seen("speaks-during-test")),
        Progress::PartOfDone(_) => Some(seen("answers-part-of-done")),
        Progress::Finished(..) => Some(seen("speaks-after-results")),
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

fn bad_request(context: &Context<'_>, flaw: &Flaw, actual: &[u8]) -> Option<Seen> {
    // The server refuses with an answer that no client can use, and then closes.
    if actual.starts_with(&[1, MessageType::Reply as u8, 0, 0]) || actual.first() != Some(&1) {
        return Some(seen("refusal-answered"));
    }
    Some(match flaw {
        Flaw::NotAllowed { field, value, .. } if field.name == "version" => {
            seen("no-version-check-request").with("version", value)
        }
        Flaw::NotAllowed { field, value, .. } if field.name == "test_type" => {
            seen("no-test-type-check").with("test", value)
        }
        _ => {
            let kind = context.connection.sent_bytes().get(1).copied();
            let sent = kind.map_or("a message".to_owned(), |kind| format!("a message of type {kind}"));
            seen("no-type-check-request").with("sent", sent)
        }
    })
}

fn bad_done(flaw: &Flaw, actual: &[u8]) -> Option<Seen> {
    let results = actual.starts_with(&[1, MessageType::Results as u8]);
    Some(match flaw {
        Flaw::NotDue { got: MessageType::Request, .. } if !results => seen("second-request-answered"),
        Flaw::NotAllowed { field, value, .. } if field.name == "version" => {
            seen("no-version-check-done").with("version", value)
        }
        Flaw::NotAllowed { .. } | Flaw::NotDue { .. } => seen("no-type-check-done"),
        Flaw::Truncated { .. } | Flaw::Trailing { .. } => return None,
    })
}
