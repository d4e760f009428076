//! Which cases share a worker, and so a network, and which share a server process. For the loop of a run.
//!
//! A fresh network and a fresh start for every case cost far more processor time than the conversations. So a case may
//! be played where others were played before. **Only a pass counts there**: what does not pass is played again on a fresh
//! start in a fresh network, and that outcome counts. A target whose failures come from what was there before (a server
//! without address reuse, a file that it left) soon gets a fresh network for every case, and so does one that fails
//! often: otherwise each of its failures would be played twice.

use std::collections::BTreeMap;

use super::overlap::Confirmed;
use crate::model::case::{Case, Role};
use crate::model::outcome::{CaseRecord, Outcome};

/// The most cases on one server process.
const LONGEST_CHAIN: usize = 8;

/// How many failures may be due to sharing before it ends.
const SPOILED: usize = 2;

/// Sharing ends if the failures are more than one in so many.
const FAILS_OFTEN: usize = 4;

/// Cases that are played one after the other, on one server process if it has more than one.
pub(crate) type Chain = Vec<usize>;

/// The cases of `order` as chains, in that order of their first cases.
pub(crate) fn chains(cases: &[Case], order: &[usize]) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for &index in order {
        let follows = |chain: &&mut Chain| {
            let earlier = chain.last().map(|last| &cases[*last]);
            chain.len() < LONGEST_CHAIN && earlier.is_some_and(|earlier| cases[index].may_follow(earlier))
        };
        match chains.iter_mut().rev().find(follows) {
            Some(chain) => chain.push(index),
            None => chains.push(vec![index]),
        }
    }
    chains
}

/// What sharing has led to so far.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    roles: BTreeMap<Role, Seen>,
    /// What failed where others were played before, and how it came out on a fresh start.
    confirmed: Confirmed,
}

#[derive(Debug, Default)]
struct Seen {
    passed: usize,
    failed: usize,
    /// Passed only on a fresh start.
    spoiled: usize,
}

impl Sharing {
    /// Whether the next case of this role may be played where others were played before.
    pub(crate) fn allows(&self, role: Role) -> bool {
        self.roles.get(&role).is_none_or(|seen| {
            seen.spoiled < SPOILED && seen.failed * FAILS_OFTEN <= seen.passed.max(FAILS_OFTEN)
        })
    }

    /// Whether an outcome counts although others were played before: it is a pass, or a failure of a process of its own, and
    /// enough failures of this kind were repeated in a fresh network.
    pub(crate) fn believes(&self, record: &CaseRecord) -> bool {
        match record.outcome {
            Outcome::Pass | Outcome::Skip => true,
            Outcome::Fail => record.after == 0 && self.confirmed.knows(record),
            Outcome::Inconclusive | Outcome::Error => false,
        }
    }

    /// Records a failure where others were played before, and the outcome on a fresh start.
    pub(crate) fn compare(&mut self, shared: &CaseRecord, fresh: &CaseRecord) {
        self.confirmed.record(shared, fresh);
    }

    /// Records the outcome that counts, and whether the case had not passed where others were played before.
    pub(crate) fn record(&mut self, role: Role, passed: bool, again: bool) {
        let seen = self.roles.entry(role).or_default();
        match passed {
            true => seen.passed += 1,
            false => seen.failed += 1,
        }
        seen.spoiled += usize::from(passed && again);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fixture::Library;
    use crate::model::requirement::Catalogue;
    use crate::model::tolerance::Tolerances;

    fn cases() -> Vec<Case> {
        let library = Library::load(&[]).unwrap();
        library.cases(&Catalogue::built_in().unwrap(), &Tolerances::default()).unwrap()
    }

    #[test]
    fn each_conversation_is_played_on_a_fresh_start_and_the_chains_hold_every_case_once() {
        let cases = cases();
        let order: Vec<usize> = (0..cases.len()).collect();
        let chains = chains(&cases, &order);
        let file = |index: &usize| cases[*index].id.split('[').next().unwrap();
        for chain in &chains {
            assert!(chain.iter().all(|index| file(index) == file(&chain[0])));
            assert!(chain.len() == 1 || cases[chain[0]].role == Role::Server);
        }
        let mut all: Vec<usize> = chains.concat();
        all.sort_unstable();
        assert_eq!(all, order);
    }

    #[rstest]
    #[case::other_values("server/session/reply[TCP_RR]", "server/session/reply[UDP_RR]", true)]
    #[case::another_conversation("server/session/reply[TCP_RR]", "server/session/results[TCP_RR]", false)]
    #[case::a_client("client/session/request[TCP_RR]", "client/session/request[UDP_RR]", false)]
    #[case::one_that_ends(
        "server/interrupt/half-request[1-byte]",
        "server/interrupt/half-request[2-bytes]",
        false
    )]
    #[case::a_long_wait(
        "server/timeout/within-request[1-byte]",
        "server/timeout/within-request[2-bytes]",
        false
    )]
    #[case::what_it_printed(
        "server/session/data-thread-of-each-test",
        "server/session/data-thread-of-each-test",
        false
    )]
    fn a_case_follows_on_the_same_conversation_alone(
        #[case] earlier: &str,
        #[case] next: &str,
        #[case] follows: bool,
    ) {
        let cases = cases();
        let find = |id: &str| cases.iter().find(|case| case.id == id).unwrap_or_else(|| panic!("no {id}"));
        assert_eq!(find(next).may_follow(find(earlier)), follows);
    }

    /// Passed, and again.
    const PASS: (bool, bool) = (true, false);
    const FAIL: (bool, bool) = (false, false);
    const SPOILED_ONE: (bool, bool) = (true, true);

    #[rstest]
    #[case::nothing_known(&[], true)]
    #[case::one_fails(&[FAIL], true)]
    #[case::fails_often(&[FAIL, FAIL], false)]
    #[case::fails_seldom(&[PASS, PASS, PASS, PASS, PASS, PASS, PASS, PASS, FAIL, FAIL], true)]
    #[case::spoiled_once(&[PASS, SPOILED_ONE], true)]
    #[case::spoiled(&[PASS, SPOILED_ONE, PASS, SPOILED_ONE, PASS], false)]
    fn sharing_ends_where_it_does_not_pay(#[case] outcomes: &[(bool, bool)], #[case] allowed: bool) {
        let mut sharing = Sharing::default();
        outcomes.iter().for_each(|(passed, again)| sharing.record(Role::Server, *passed, *again));
        assert_eq!(sharing.allows(Role::Server), allowed);
        assert!(sharing.allows(Role::Client), "another role");
    }
}
