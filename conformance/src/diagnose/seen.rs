//! What a failure looks like: an entry of `spec/causes.toml`, with the values of its placeholders.

use std::fmt::Display;

use crate::model::cause::{Causes, KnownCause};
use crate::model::problem::Cause;

/// Placeholders that name the values of all failures of a problem, not only that of the best case.
const LISTED: [&str; 2] = ["tests", "calls"];

/// The entry that fits a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    key: &'static str,
    values: Vec<(&'static str, String)>,
    place: Option<String>,
}

/// The entry of this key fits.
pub(super) fn seen(key: &'static str) -> Seen {
    Seen { key, values: Vec::new(), place: None }
}

impl Seen {
    pub(super) fn with(mut self, placeholder: &'static str, value: impl Display) -> Self {
        self.values.push((placeholder, value.to_string()));
        self
    }

    /// The line of the program that the failure names.
    pub(super) fn at(mut self, place: Option<&str>) -> Self {
        self.place = place.map(str::to_owned);
        self
    }

    /// Another entry with the same values.
    pub(super) fn as_entry(&self, key: &'static str) -> Self {
        Self { key, ..self.clone() }
    }

    /// The entry in the catalogue.
    pub(super) fn entry(&self) -> Option<&'static KnownCause> {
        Causes::built_in().ok()?.find(self.key)
    }

    /// The key, filled in. Failures with the same key have the same cause.
    pub(super) fn group(&self) -> String {
        self.filled(self.key.split('/').next().unwrap_or(self.key)).trim_end().to_owned()
    }

    /// The same with the values of several failures in the places that list them.
    pub(super) fn listing<'s>(&self, others: impl Iterator<Item = &'s Self> + Clone) -> Self {
        let mut all = self.clone();
        for (name, value) in all.values.iter_mut().filter(|(name, _)| LISTED.contains(name)) {
            let mut values = vec![value.clone()];
            for (_, more) in others.clone().flat_map(|other| &other.values).filter(|(other, _)| other == name)
            {
                if !values.contains(more) {
                    values.push(more.clone());
                }
            }
            *value = listed(&values);
        }
        all
    }

    /// The cause with the sentences of its entry.
    pub(super) fn cause(&self) -> Option<Cause> {
        let entry = self.entry()?;
        let [title, remedy] = [&entry.title, &entry.remedy].map(|text| self.filled(text));
        Some(Cause { key: self.group(), title, remedy, certain: entry.certain, place: self.place.clone() })
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

/// "a", "a and b", "a, b and c". A long list is cut.
fn listed(values: &[String]) -> String {
    const NAMED: usize = 4;
    match values {
        [] => String::new(),
        [one] => one.clone(),
        all if all.len() > NAMED => {
            format!("{} and {} more", all[..NAMED - 1].join(", "), all.len() + 1 - NAMED)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_value_once() {
        let tests = ["TCP_RR", "UDP_RR", "TCP_RR"].map(|test| seen("test-refused").with("tests", test));
        let all = tests[0].listing(tests.iter());
        assert_eq!(all.filled("{tests}"), "TCP_RR and UDP_RR");
        assert_eq!(listed(&["a", "b", "c", "d", "e"].map(str::to_owned)), "a, b, c and 2 more");
    }
}
