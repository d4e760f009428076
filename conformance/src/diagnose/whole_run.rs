//! Compares what each failure looks like alone with the whole run. A case that holds counts as much as one that fails.
//!
//! Some causes are seen only in several cases together: their entry of `spec/causes.toml` says which cases must fail, what
//! each failure looks like alone, and which cases must hold. Other entries say which cases deny them if they hold.

use super::seen::{Seen, seen};
use crate::model::case_pattern::CasePattern;
use crate::model::cause::{Causes, KnownCause};
use crate::model::outcome::{CaseRecord, Outcome};

/// An entry with its patterns, ready to be compared with a run.
struct Hypothesis {
    key: &'static str,
    seems: &'static [String],
    fails: Vec<CasePattern>,
    holds: Vec<CasePattern>,
    also: Vec<CasePattern>,
}

/// A case, and what its failure looks like alone.
type Judged<'r> = (&'r CaseRecord, Option<&'r str>);

/// Corrects what each failure looks like by what the whole run shows.
pub(super) fn compare(cases: &[CaseRecord], looks: &mut [Option<Seen>]) {
    if !cases.iter().any(|case| case.outcome == Outcome::Fail) {
        return;
    }
    let Ok(causes) = Causes::built_in() else { return };
    let alone: Vec<Option<String>> = looks.iter().map(|look| look.as_ref().map(Seen::group)).collect();
    let judged: Vec<Judged<'_>> = cases.iter().zip(alone.iter().map(Option::as_deref)).collect();
    // No recogniser names a cause of the whole run.
    let is_refined =
        |look: &Option<Seen>| look.as_ref().and_then(Seen::entry).is_some_and(KnownCause::is_of_run);
    for entry in causes.all().iter().filter(|entry| entry.is_of_run()) {
        let hypothesis = Hypothesis::of(entry);
        if !hypothesis.fits(&judged) {
            continue;
        }
        for (look, case) in looks.iter_mut().zip(&judged) {
            if !is_refined(look) && hypothesis.explains(case) {
                *look = Some(
                    look.as_ref().map_or_else(|| seen(hypothesis.key), |look| look.as_entry(hypothesis.key)),
                );
            }
        }
    }
    for entry in causes.all().iter().filter(|entry| is_denied(entry, cases)) {
        let is_it = |look: &Seen| look.entry().is_some_and(|own| own.key == entry.key);
        looks.iter_mut().for_each(|look| drop(look.take_if(|look| is_it(look))));
    }
}

/// Whether all cases hold that would fail if this cause were true.
fn is_denied(entry: &KnownCause, cases: &[CaseRecord]) -> bool {
    let denies = |text: &String| {
        let pattern = CasePattern::new(text);
        let any = |outcome| cases.iter().any(|case| case.outcome == outcome && pattern.names(&case.id));
        any(Outcome::Pass) && !any(Outcome::Fail)
    };
    entry.denied_by.iter().any(denies)
}

impl Hypothesis {
    fn of(entry: &'static KnownCause) -> Self {
        let patterns = |texts: &[String]| texts.iter().map(|text| CasePattern::new(text)).collect();
        Self {
            key: &entry.key,
            seems: &entry.seems,
            fails: patterns(&entry.fails),
            holds: patterns(&entry.holds),
            also: patterns(&entry.also),
        }
    }

    /// Whether the run shows it, and no case speaks against it.
    fn fits(&self, cases: &[Judged<'_>]) -> bool {
        let of = |pattern: &CasePattern, test: &dyn Fn(&Judged<'_>) -> bool| {
            cases.iter().any(|case| pattern.names(&case.0.id) && test(case))
        };
        let fails = |case: &Judged<'_>| self.is_failure_of_this_kind(case);
        let holds = |case: &Judged<'_>| case.0.outcome == Outcome::Pass;
        self.fails.iter().all(|pattern| of(pattern, &fails) && !of(pattern, &holds))
            && self.holds.iter().all(|pattern| of(pattern, &holds) && !of(pattern, &fails))
    }

    /// Whether this case fails because of it.
    fn explains(&self, case: &Judged<'_>) -> bool {
        let named = self.fails.iter().chain(&self.also).any(|pattern| pattern.names(&case.0.id));
        named && self.is_failure_of_this_kind(case)
    }

    fn is_failure_of_this_kind(&self, (case, look): &Judged<'_>) -> bool {
        let seems = |key: &String| look.is_some_and(|look| look.starts_with(key.as_str()));
        case.outcome == Outcome::Fail && (self.seems.is_empty() || self.seems.iter().any(seems))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::diagnose::cause::recognise;
    use crate::model::fault::Fault;
    use crate::model::sample::failed;
    use crate::model::tolerance::Tolerances;

    /// The causes in a run of these cases. A name with a plus holds. Any other is a silent client that is not closed.
    fn causes(names: &[&str]) -> Vec<String> {
        let case = |name: &&str| {
            let script = "0 start\n100 ready\n200 connect\n200 open\n50200 step";
            let fault = Fault::StillOpen { waited: Duration::from_secs(50) };
            let id = format!("server/{}", name.trim_start_matches('+'));
            let mut case = failed(&id, "TMO-1", "--server", script, fault);
            if name.starts_with('+') {
                (case.outcome, case.finding) = (Outcome::Pass, None);
            }
            case
        };
        let cases: Vec<_> = names.iter().map(case).collect();
        let mut looks: Vec<_> = cases.iter().map(|case| recognise(case, &Tolerances::default())).collect();
        compare(&cases, &mut looks);
        looks.iter().flatten().map(Seen::group).collect()
    }

    #[rstest]
    #[case::nowhere(&["timeout/before-request", "timeout/within-request[1-byte]", "timeout/after-reply"], "no-timeout")]
    #[case::first_byte(
        &["timeout/before-request", "+timeout/within-request[1-byte]", "+timeout/after-reply"],
        "no-timeout-before-first-byte"
    )]
    #[case::in_test(
        &["timeout/before-request", "timeout/within-request[1-byte]", "+timeout/after-reply"],
        "timeout-only-in-test"
    )]
    #[case::first_session(&["+timeout/before-request", "second-session/silent"], "timeout-in-first-session-only")]
    #[case::too_little_was_played(&["timeout/before-request"], "no-timeout")]
    #[case::a_variant_holds(
        &["timeout/within-request[1-byte]", "+timeout/within-request[2-bytes]", "+timeout/before-request",
          "+timeout/after-reply"],
        "no-timeout"
    )]
    fn the_whole_run_decides(#[case] names: &[&str], #[case] cause: &str) {
        let causes = causes(names);
        assert!(causes.iter().all(|found| found == cause), "{causes:?}");
        assert!(!causes.is_empty());
    }

    #[rstest]
    #[case::alone(&[], Some("closes-after-reply"))]
    #[case::denied(&[("server/session/results[TCP_RR]", Outcome::Pass)], None)]
    #[case::not_judged(&[("server/session/results[TCP_RR]", Outcome::Inconclusive)], Some("closes-after-reply"))]
    fn a_case_that_holds_denies_a_cause(#[case] others: &[(&str, Outcome)], #[case] cause: Option<&str>) {
        let script = "0 start\n100 ready\n200 connect\n200 open\n200 > 010101\n300 < 01029cbb\n300 eof";
        let fault = Fault::ClosedInSilence {
            by: crate::model::transcript::EndedBy::EndOfFile,
            after: Duration::from_millis(100),
            not_before: Duration::from_millis(200),
        };
        let first = failed("server/session/silent", "SRV-4", "--server", script, fault);
        let other = |&(id, outcome): &(&str, Outcome)| CaseRecord {
            id: id.to_owned(),
            outcome,
            finding: None,
            ..first.clone()
        };
        let cases: Vec<_> = std::iter::once(first.clone()).chain(others.iter().map(other)).collect();
        let mut looks: Vec<_> = cases.iter().map(|case| recognise(case, &Tolerances::default())).collect();
        compare(&cases, &mut looks);
        assert_eq!(looks[0].as_ref().map(Seen::group).as_deref(), cause);
    }
}
