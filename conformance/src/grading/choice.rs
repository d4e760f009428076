//! The catalogue, all cases, and the case that a user typed. Every command begins with these.

use std::path::PathBuf;

use crate::fixture::Library;
use crate::model::case::Case;
use crate::model::cause::Causes;
use crate::model::refusal::Refusal;
use crate::model::requirement::Catalogue;
use crate::model::tolerance::Tolerances;

/// How many cases are named in an error. The rest is counted.
const NAMED: usize = 12;

/// An id is suggested if it is at least this similar to the typed one (Jaro-Winkler; 1 means equal).
const NEAR: f64 = 0.8;

/// The built-in catalogue. It is also an error if the catalogue of causes cannot be read, because reports could not show it.
pub(crate) fn catalogue() -> Result<Catalogue, Refusal> {
    Causes::built_in().map_err(|error| Refusal::not_carried_out(format!("spec/causes.toml: {error}")))?;
    Catalogue::built_in()
        .map_err(|error| Refusal::not_carried_out(format!("spec/requirements.toml: {error}")))
}

/// Every case of the built-in conversations and of those in `folders`.
pub(crate) fn all(
    folders: &[PathBuf],
    catalogue: &Catalogue,
    tolerances: &Tolerances,
) -> Result<Vec<Case>, Refusal> {
    let library = Library::load(folders).map_err(Refusal::usage)?;
    library.cases(catalogue, tolerances).map_err(Refusal::usage)
}

/// The case that `typed` means.
pub(crate) fn one(mut cases: Vec<Case>, typed: &str) -> Result<Case, Refusal> {
    let index = one_of(&cases, typed)?;
    Ok(cases.swap_remove(index))
}

/// The index of the case with this id. The brackets may be left out if there is only one variant.
fn one_of(cases: &[Case], typed: &str) -> Result<usize, Refusal> {
    if let Some(index) = cases.iter().position(|case| case.id == typed) {
        return Ok(index);
    }
    let is_variant =
        |case: &Case| case.id.strip_prefix(typed).is_some_and(|variant| variant.starts_with('['));
    let variants: Vec<usize> = (0..cases.len()).filter(|index| is_variant(&cases[*index])).collect();
    match variants[..] {
        [only] => Ok(only),
        [] => Err(Refusal::nothing_selected(unknown(cases, typed))),
        [..] => {
            let mut named: Vec<&str> = variants.iter().map(|index| cases[*index].id.as_str()).collect();
            let more = named.len().saturating_sub(NAMED);
            named.truncate(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Refusal::usage(format!(
                "{typed}: {} cases are called so, name one: {}{more}",
                variants.len(),
                named.join(", ")
            )))
        }
    }
}

fn unknown(cases: &[Case], typed: &str) -> String {
    let likeness = |case: &Case| strsim::jaro_winkler(typed, &case.id);
    let nearest = cases.iter().max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    match nearest.filter(|nearest| likeness(nearest) >= NEAR) {
        Some(nearest) => format!("there is no case {typed}; did you mean {}? (--list says all)", nearest.id),
        None => format!("there is no case {typed} (--list says all)"),
    }
}
