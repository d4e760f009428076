//! Grades the combinations, several at once. Each failure is reported with the shortest combination that has it.

use std::env;
use std::fmt::Write;
use std::time::Instant;

use super::combinations::{Combination, drawn, each_alone, named, packed};
use super::gallery::{Variant, gallery};
use super::grading::{Extent, Failures, grade, grade_again};
use crate::support::at_once::at_once;
use crate::support::machine::machine;

/// How many gradings run at once: most of each is waiting, and each limits its own work.
const AT_ONCE: usize = 4;
/// A grading with every case waits for most of its time.
const AT_ONCE_WITH_ALL: usize = 3;

/// One combination that failed.
struct Failed {
    combination: String,
    shortest: String,
    failures: Failures,
    /// Whether the whole combination failed in the same cases once more.
    seen_again: bool,
}

#[test]
fn no_legal_tester_fails_anything() {
    let _turn = machine();
    let variants = wanted();
    let (combinations, extent) = asked(&variants);
    let count = if extent == Extent::All { AT_ONCE_WITH_ALL } else { AT_ONCE };
    let (mut failed, mut judged, mut inconclusive) = (Vec::new(), 0, Vec::new());
    for (graded, shrunk) in at_once(count, &combinations, |turn, combination| {
        let began = Instant::now();
        let mut graded = grade(combination, extent, turn);
        eprintln!(
            "{} of {}: {} cases, {} failures, {:.0} s: {combination}",
            turn + 1,
            combinations.len(),
            graded.judged,
            graded.failures.len(),
            began.elapsed().as_secs_f64()
        );
        let failures = std::mem::take(&mut graded.failures);
        let shrunk = (!failures.is_empty()).then(|| shrink(combination, failures));
        if let Some(shrunk) = &shrunk {
            eprintln!("FAILED {}: {:#?}", shrunk.shortest, shrunk.failures);
        }
        (graded, shrunk)
    }) {
        failed.extend(shrunk);
        judged += graded.judged;
        inconclusive.extend(graded.inconclusive);
    }
    eprintln!(
        "{} combinations, {judged} cases judged, {} inconclusive ({:.2} in 1000)",
        combinations.len(),
        inconclusive.len(),
        per_thousand(inconclusive.len(), judged + inconclusive.len())
    );
    inconclusive.iter().for_each(|case| eprintln!("inconclusive: {case}"));
    let told = tell(&failed);
    assert!(told.is_empty(), "{told}");
}

/// The variants that are not left out.
fn wanted() -> Vec<Variant> {
    let without = env::var("LEGAL_WITHOUT").unwrap_or_default();
    let left_out = |variant: &Variant| without.split(',').any(|name| name.trim() == variant.name);
    gallery().into_iter().filter(|variant| !left_out(variant)).collect()
}

/// What the environment variables choose; see the head of `legal/mod.rs`.
fn asked(variants: &[Variant]) -> (Vec<Combination<'_>>, Extent) {
    let extent = if env::var_os("LEGAL_QUICK").is_some() { Extent::Quick } else { Extent::All };
    if let Ok(names) = env::var("LEGAL_VARIANTS") {
        return (vec![named(variants, &names)], extent);
    }
    match env::var("LEGAL_GALLERY").as_deref() {
        Err(_) | Ok("") => (packed(variants), Extent::Some),
        Ok("alone") => (each_alone(variants), extent),
        Ok("packed") => (packed(variants), extent),
        Ok(text) => {
            let count = text.parse();
            let count = count.unwrap_or_else(|_| panic!("LEGAL_GALLERY={text}: alone, packed or a number"));
            let seed = env::var("LEGAL_SEED").ok().map(|seed| seed.parse().unwrap());
            let seed = seed.unwrap_or_else(|| fastrand::u64(..));
            eprintln!("LEGAL_SEED={seed}");
            (drawn(variants, count, seed), extent)
        }
    }
}

/// Drops one variant after the other as long as one of the failures remains.
fn shrink(combination: &Combination<'_>, failures: Failures) -> Failed {
    let seen_again = !grade_again(combination, &failures).is_empty();
    let (mut shortest, mut failures) = (combination.clone(), failures);
    let mut index = 0;
    while index < shortest.0.len() {
        let fewer = shortest.without(index);
        let again = grade_again(&fewer, &failures);
        let same: Failures = again.into_iter().filter(|(id, _)| failures.contains_key(id)).collect();
        if same.is_empty() {
            index += 1;
        } else {
            (shortest, failures) = (fewer, same);
        }
    }
    Failed { combination: combination.to_string(), shortest: shortest.to_string(), failures, seen_again }
}

fn tell(failed: &[Failed]) -> String {
    let mut text = String::new();
    for one in failed {
        let once = if one.seen_again { "" } else { " (not seen again)" };
        writeln!(text, "{}{once}\n    of {}", one.shortest, one.combination).unwrap();
        for (id, told) in &one.failures {
            writeln!(text, "    {id}: {told}").unwrap();
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_thousand(part: usize, whole: usize) -> f64 {
    part as f64 * 1000.0 / whole.max(1) as f64
}
