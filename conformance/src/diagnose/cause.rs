//! The likely cause of a failure, recognised from its bytes, its times and what the program printed; the
//! most telling sign first. What is said of it stands in `spec/causes.toml`. For the reports, which say it before all
//! else.

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

/// What a recogniser says: the entry of `spec/causes.toml` that fits, and what its placeholders stand for.
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

    /// The cause in the words of its entry.
    fn cause(&self) -> Option<Cause> {
        let entry = Causes::built_in().ok()?.find(self.key)?;
        let [key, title, remedy] = [entry.group(), &entry.title, &entry.remedy].map(|text| self.filled(text));
        Some(Cause { key, title, remedy })
    }

    /// `text` with its placeholders filled in. One that nothing was seen for stays as it is.
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

/// Whether a failure of cause `effect` is probably brought about by `cause`, where both are seen in one run.
pub(super) fn explains(cause: &str, effect: &str) -> bool {
    Causes::built_in().is_ok_and(|causes| causes.explains(cause, effect))
}

/// The likely cause of a failed case, where one is recognised.
pub fn recognise(case: &CaseRecord, tolerances: &Tolerances) -> Option<Cause> {
    let context = Context::of(case, tolerances)?;
    // Wrong bytes speak for themselves, even where the program died later of something else.
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
