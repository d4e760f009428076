//! The likely cause of a failure, recognised from its bytes, its times and what the program printed. The clearest sign
//! counts first. `spec/causes.toml` has the sentences.

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
mod timing;

use super::context::Context;
use super::seen::{Seen, seen};
use crate::model::outcome::CaseRecord;
use crate::model::tolerance::Tolerances;

/// What a failed case looks like alone, if a cause is recognised.
pub(super) fn recognise(case: &CaseRecord, tolerances: &Tolerances) -> Option<Seen> {
    let context = Context::of(case, tolerances)?;
    // Wrong bytes show their cause, even if the program died later for another reason.
    let bytes_first = context.fault.is_of_content();
    let order: [fn(&Context<'_>) -> Option<Seen>; 10] = [
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
    let died = || crash::recognise(&context);
    let first = if bytes_first { None } else { died() };
    first.or_else(|| order.iter().find_map(|recognise| recognise(&context))).or_else(died)
}

#[cfg(test)]
mod tests;
