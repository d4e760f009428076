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

use std::fmt::Display;

use super::context::Context;
use crate::model::cause::Causes;
use crate::model::outcome::CaseRecord;
use crate::model::problem::Cause;
use crate::model::tolerance::Tolerances;

/// What a recogniser found: the entry of `spec/causes.toml` that fits, with the values of its placeholders.
struct Seen {
    key: &'static str,
    values: Vec<(&'static str, String)>,
}

/// The entry of this key fits.
fn seen(key: &'static str) -> Seen {
    Seen { key, values: Vec::new() }
}

impl Seen {
    fn with(mut self, placeholder: &'static str, value: impl Display) -> Self {
        self.values.push((placeholder, value.to_string()));
        self
    }

    /// The cause with the sentences of its entry.
    fn cause(&self) -> Option<Cause> {
        let entry = Causes::built_in().ok()?.find(self.key)?;
        let [key, title, remedy] = [entry.group(), &entry.title, &entry.remedy].map(|text| self.filled(text));
        Some(Cause { key, title, remedy })
    }

    /// `text` with its placeholders filled in. One without a value stays as it is.
    fn filled(&self, text: &str) -> String {
        let mut pieces = text.split('{');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
            match self.values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => filled.extend([value, rest]),
                None => filled.extend(["{", piece]),
            }
        }
        filled
    }
}

/// Whether `cause` probably leads to failures of cause `effect`, if one run shows both.
pub(super) fn explains(cause: &str, effect: &str) -> bool {
    Causes::built_in().is_ok_and(|causes| causes.explains(cause, effect))
}

/// The likely cause of a failed case, if one is recognised.
pub fn recognise(case: &CaseRecord, tolerances: &Tolerances) -> Option<Cause> {
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
    first.or_else(|| order.iter().find_map(|recognise| recognise(&context))).or_else(died)?.cause()
}

#[cfg(test)]
mod tests;
