//! Combines several runs of the same cases, for `--repeat`. A case that fails in one run and passes in another is
//! inconsistent.

use crate::model::outcome::{CaseRecord, Outcome};

/// One record for each case: that of its worst run.
pub fn combine(runs: Vec<Vec<CaseRecord>>) -> Vec<CaseRecord> {
    let mut runs = runs.into_iter();
    let first = runs.next().unwrap_or_default();
    let others: Vec<Vec<CaseRecord>> = runs.collect();
    if others.is_empty() {
        return first;
    }
    let all = first.into_iter().map(|record| {
        let again = others.iter().flatten().filter(|other| other.id == record.id).cloned();
        combine_case(std::iter::once(record.clone()).chain(again).collect()).unwrap_or(record)
    });
    all.collect()
}

/// The record of the worst run, with the outcomes of all.
fn combine_case(runs: Vec<CaseRecord>) -> Option<CaseRecord> {
    let outcomes: Vec<Outcome> = runs.iter().map(|record| record.outcome).collect();
    let mut worst = runs.into_iter().max_by_key(|record| record.outcome)?;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let (failed, passed) = (count(Outcome::Fail), count(Outcome::Pass));
    if failed > 0 && passed > 0 {
        let message = worst.message.take().unwrap_or_default();
        let total = outcomes.len();
        worst.message = Some(format!(
            "inconsistent: failed in {failed} of {total} runs and passed in {passed}; {message}"
        ));
    }
    worst.runs = outcomes;
    Some(worst)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::case::Case;

    fn record(outcome: Outcome) -> CaseRecord {
        let case = Case::without_steps("server/a", Vec::new());
        CaseRecord::unplayed(&case, outcome, "the bytes".to_owned())
    }

    #[rstest]
    #[case::steady(&[Outcome::Pass, Outcome::Pass], Outcome::Pass, "the bytes")]
    #[case::broken(&[Outcome::Fail, Outcome::Fail], Outcome::Fail, "the bytes")]
    #[case::changing(
        &[Outcome::Pass, Outcome::Fail, Outcome::Pass],
        Outcome::Fail,
        "inconsistent: failed in 1 of 3 runs and passed in 2; the bytes"
    )]
    #[case::unjudged_once(&[Outcome::Pass, Outcome::Inconclusive], Outcome::Inconclusive, "the bytes")]
    fn runs_combine(#[case] outcomes: &[Outcome], #[case] outcome: Outcome, #[case] message: &str) {
        let combined = combine(outcomes.iter().map(|outcome| vec![record(*outcome)]).collect());
        assert_eq!(combined.len(), 1);
        assert_eq!(combined[0].outcome, outcome);
        assert_eq!(combined[0].message.as_deref(), Some(message));
        assert_eq!(combined[0].runs, outcomes);
    }
}
