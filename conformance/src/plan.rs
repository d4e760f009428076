//! What a run consists of: the cases that were asked for, in the order in which they start, and those
//! that were left out, each with its reason.

#[cfg(test)]
mod tests;

use std::time::Duration;

use globset::{Glob, GlobMatcher};

use crate::fixture::{Case, Need};
use crate::isolate::Isolation;
use crate::spec::{Catalogue, Part, Requirement, RequirementId};
use crate::tolerance::QUICK_LIMIT;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Requirements up to this part.
    pub part: Part,
    /// Only these, if any are named.
    pub requirements: Vec<RequirementId>,
    /// Only cases that one of these names, if any are given.
    pub cases: Vec<CasePattern>,
    /// No case that waits long.
    pub quick: bool,
    /// Where the cases run.
    pub isolation: Isolation,
}

/// A case's id, or a glob over ids. `*` crosses slashes; an id as a report prints it names itself,
/// brackets and all, and without its brackets every case of its file. The same holds within a glob:
/// brackets in it may be an id's own as well as a set of letters.
#[derive(Clone, Debug)]
pub struct CasePattern {
    text: String,
    globs: Vec<GlobMatcher>,
}

impl CasePattern {
    /// Takes any text: what is no glob is still an id.
    pub fn new(text: &str) -> Self {
        let escaped: String = text
            .chars()
            .map(|letter| match letter {
                '[' => "[[]".to_owned(),
                ']' => "[]]".to_owned(),
                letter => letter.to_string(),
            })
            .collect();
        let globs = [text, &escaped].into_iter().filter_map(|text| Glob::new(text).ok());
        Self { text: text.to_owned(), globs: globs.map(|glob| glob.compile_matcher()).collect() }
    }

    /// As the user wrote it.
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// Whether it names the case of this id.
    pub fn names(&self, id: &str) -> bool {
        let file = id.split('[').next().unwrap_or(id);
        [id, file].iter().any(|name| self.text == *name || self.globs.iter().any(|glob| glob.is_match(name)))
    }
}

/// A case that is not run.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The case.
    pub case: Case,
    /// Why, in a few words.
    pub reason: String,
}

/// The cases of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run, the longest wait first.
    pub cases: Vec<Case>,
    /// What was selected and is not run all the same.
    pub dropped: Vec<Dropped>,
    /// The requirements that the run is about, in the catalogue's order.
    pub requirements: Vec<Requirement>,
}

impl Plan {
    /// Selects among `all`.
    pub fn new(all: Vec<Case>, catalogue: &Catalogue, selection: &Selection) -> Self {
        let part_of = |id: &RequirementId| catalogue.find(id).map(|requirement| requirement.part);
        let mut plan = Self { cases: Vec::new(), dropped: Vec::new(), requirements: Vec::new() };
        for case in all {
            let in_part = case.requirements.iter().filter_map(part_of).all(|part| part <= selection.part);
            let required = selection.requirements.is_empty()
                || case.requirements.iter().any(|id| selection.requirements.contains(id));
            let named =
                selection.cases.is_empty() || selection.cases.iter().any(|pattern| pattern.names(&case.id));
            if !(in_part && required && named) {
                continue;
            }
            match selection.reason_to_drop(&case) {
                Some(reason) => plan.dropped.push(Dropped { case, reason }),
                None => plan.cases.push(case),
            }
        }
        // The longest wait starts first, so that all waits lie side by side; ties stay in the files' order.
        plan.cases.sort_by_key(|case| (std::cmp::Reverse(case.least_wait()), case.exclusive));
        plan.requirements =
            catalogue.all().iter().filter(|entry| plan.is_about(entry, selection)).cloned().collect();
        plan
    }

    fn is_about(&self, requirement: &Requirement, selection: &Selection) -> bool {
        let cases = self.cases.iter().chain(self.dropped.iter().map(|dropped| &dropped.case));
        requirement.part <= selection.part
            && (selection.requirements.is_empty() || selection.requirements.contains(&requirement.id))
            && (selection.cases.is_empty()
                || cases.flat_map(|case| &case.requirements).any(|id| *id == requirement.id))
    }

    /// The longest that one case waits even when all goes well.
    pub fn longest_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).max().unwrap_or_default()
    }

    /// How long the cases wait in all: what a run one by one lasts at least.
    pub fn total_wait(&self) -> Duration {
        self.cases.iter().map(Case::least_wait).sum()
    }
}

impl Selection {
    fn reason_to_drop(&self, case: &Case) -> Option<String> {
        if self.quick && case.least_wait() > QUICK_LIMIT {
            return Some(format!("--quick: it waits {:.0} s", case.least_wait().as_secs_f64()));
        }
        if self.isolation == Isolation::Host && case.needs.contains(&Need::Namespace) {
            return Some("it needs a network of its own, which --isolation host does not give".to_owned());
        }
        if case.needs.contains(&Need::Ipv6) && !has_ipv6(self.isolation) {
            return Some("this machine has no IPv6 loopback".to_owned());
        }
        None
    }
}

fn has_ipv6(isolation: Isolation) -> bool {
    std::net::UdpSocket::bind(match isolation {
        // A case brings the loopback of its own network up itself, so the kernel is asked, not its interfaces.
        Isolation::Namespace => "[::]:0",
        // A kernel that has version 6 may have it switched off.
        Isolation::Host => "[::1]:0",
    })
    .is_ok()
}
