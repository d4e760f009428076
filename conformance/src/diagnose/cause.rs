//! The likely cause of a failure, recognised from its bytes, its times and what the program printed; the
//! most telling sign first. For the reports, which tell it before all else.

mod answers;
mod bytes;
mod client;
mod command;
mod crash;
mod interrupt;
mod measurement;
mod output;
mod pieces;
mod serial;
mod shared;
mod timing;

use super::context::Context;
use crate::model::outcome::CaseRecord;
pub(super) use crate::model::problem::Cause;
use crate::model::tolerance::Tolerances;

impl Cause {
    pub(super) fn new(key: &str, title: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.to_owned(), title: title.into(), remedy: remedy.into() }
    }
}

/// What one cause brings about in other cases, where it looks like causes of its own (a key may be only the
/// beginning of one): a server that has died of an error in one case died of it in the others, too.
const CONSEQUENCES: [(&str, &[&str]); 11] = [
    ("uncaught", &DEATHS),
    ("killed", &DEATHS),
    ("sigpipe", &DEATHS),
    ("server-ended", &DEATHS),
    ("accept-loop-ended", &["stuck-after", "queue-lost", "request-unanswered"]),
    (
        "speaks-first",
        &[
            "answers-part-of-request",
            "no-version-check-request",
            "no-type-check-request",
            "no-test-type-check",
            "refusal-answered",
            "reply-again",
            "message-too-many",
        ],
    ),
    (
        "answers-part-of-request",
        &["no-version-check-request", "no-type-check-request", "no-test-type-check", "refusal-answered"],
    ),
    ("closes-after-reply", &["no-results", "queue-lost"]),
    ("queue-lost", &["request-unanswered"]),
    // Whoever reads the announced port as it is meant finds nothing there.
    ("port-little-endian", &["test-port-closed", "data-refused", "echoes-nothing", "counts-nothing"]),
    // Who counts nothing has not read; what he does not read he cannot answer, nor take as a sign of life.
    ("counts-nothing", &["echoes-nothing", "data-refused", "data-is-no-word"]),
];

/// How a server that is gone looks from outside.
const DEATHS: [&str; 5] =
    ["server-ended", "accept-loop-ended", "stuck-after", "queue-lost", "request-unanswered"];

/// Whether a failure of cause `effect` is probably brought about by `cause`, where both are seen in one run.
pub(super) fn explains(cause: &str, effect: &str) -> bool {
    let known = CONSEQUENCES.iter().filter(|(key, _)| cause.starts_with(key));
    cause != effect && known.flat_map(|(_, effects)| effects.iter()).any(|key| effect.starts_with(key))
}

/// The likely cause of a failed case, where one is recognised.
pub fn recognise(case: &CaseRecord, tolerances: &Tolerances) -> Option<Cause> {
    let context = Context::of(case, tolerances)?;
    // Wrong bytes speak for themselves, even where the program died later of something else.
    let bytes_first = context.fault.is_of_content();
    let order: [fn(&Context<'_>) -> Option<Cause>; 11] = [
        crash::recognise,
        measurement::recognise,
        serial::recognise,
        bytes::recognise,
        answers::recognise,
        pieces::recognise,
        timing::recognise,
        interrupt::recognise,
        output::recognise,
        client::recognise,
        command::recognise,
    ];
    let (crash, rest) = order.split_first()?;
    let mut found = None;
    if !bytes_first {
        found = crash(&context);
    }
    found = found.or_else(|| rest.iter().find_map(|recognise| recognise(&context)));
    found.or_else(|| crash(&context))
}

#[cfg(test)]
mod tests;
