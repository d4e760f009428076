//! Which variants are combined in one tester.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use conformance::model::requirement::RequirementId;

use super::gallery::{Side, Variant, gallery};

/// The most variants of a combination: more would hide each other.
const MOST: usize = 6;

/// The group whose variants are too slow only in sum. Such a server keeps the documents' 45 s: a tenth of that would be
/// shorter than its own waits.
const SLOW_ANSWERS: &str = "slow answers";

/// The variant without measurements.
const PART_1: &str = "part-1";

/// Some variants that are legal together.
#[derive(Clone)]
pub(crate) struct Combination<'v>(pub(crate) Vec<&'v Variant>);

impl<'v> Combination<'v> {
    /// Whether one more is legal with these.
    fn fits(&self, one: &Variant) -> bool {
        let clashes =
            |other: &&Variant| other.name == one.name || (one.group.is_some() && other.group == one.group);
        self.0.len() < MOST && !self.0.iter().any(clashes)
    }

    /// The same without one of them.
    pub(crate) fn without(&self, index: usize) -> Self {
        let mut fewer = self.clone();
        fewer.0.remove(index);
        fewer
    }

    pub(crate) fn breaks(&self, id: &RequirementId) -> bool {
        self.0.iter().any(|variant| variant.breaks.contains(id))
    }

    pub(crate) fn heavy(&self) -> bool {
        self.0.iter().any(|variant| variant.heavy)
    }

    /// Whether the control timeout cannot be scaled down for it.
    pub(crate) fn needs_the_true_timeout(&self) -> bool {
        self.0.iter().any(|variant| variant.group.as_deref() == Some(SLOW_ANSWERS))
    }

    /// Whether it is a tester of Part 1, which is graded only for Part 1.
    pub(crate) fn is_part_1(&self) -> bool {
        self.0.iter().any(|variant| variant.name == PART_1)
    }

    /// Whether it can show in the cases of a server, or of a client.
    pub(crate) fn shows_in(&self, side: Side) -> bool {
        self.0.iter().any(|variant| variant.side == side || variant.side == Side::Both)
    }
}

impl fmt::Display for Combination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|variant| variant.name.as_str()).collect();
        if names.is_empty() { f.write_str("no variant") } else { f.write_str(&names.join(" + ")) }
    }
}

/// All variants, each in one combination: first Part 1 alone, then the rest in as few combinations as possible. Heavy
/// variants are combined with each other. So are those of one side, because the other side's cases need not be played.
pub(crate) fn packed(variants: &[Variant]) -> Vec<Combination<'_>> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for group in variants.iter().filter_map(|variant| variant.group.as_deref()) {
        *sizes.entry(group).or_default() += 1;
    }
    let size = |variant: &Variant| variant.group.as_deref().map_or(1, |group| sizes[group]);
    let of_side = |variant: &Variant| match variant.side {
        Side::Both => 0,
        Side::Server => 1,
        Side::Client => 2,
    };
    let mut order: Vec<&Variant> = variants.iter().collect();
    order.sort_by_key(|variant| (!variant.heavy, of_side(variant), Reverse(size(variant))));
    // A tester of Part 1 plays fewer cases: no variant may be tested only with it.
    let (part_1, order): (Vec<&Variant>, Vec<&Variant>) =
        order.into_iter().partition(|variant| variant.name == PART_1);
    let mut packed: Vec<Combination<'_>> = vec![Combination(part_1)];
    for variant in order {
        let alike = |one: &Combination<'_>| variant.heavy || one.0.iter().all(|other| !other.heavy);
        match packed.iter_mut().skip(1).find(|one| one.fits(variant) && alike(one)) {
            Some(one) => one.0.push(variant),
            None => packed.push(Combination(vec![variant])),
        }
    }
    packed
}

pub(crate) fn each_alone(variants: &[Variant]) -> Vec<Combination<'_>> {
    variants.iter().map(|variant| Combination(vec![variant])).collect()
}

/// Random combinations, the same for the same seed. Every second one is also a tester of Part 1.
pub(crate) fn drawn(variants: &[Variant], count: usize, seed: u64) -> Vec<Combination<'_>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let part_1: Vec<&Variant> = variants.iter().filter(|variant| variant.name == PART_1).collect();
    let draw = |turn: usize| {
        let mut combination = Combination(if turn % 2 == 1 { part_1.clone() } else { Vec::new() });
        let size = random.usize(1..=MOST);
        let mut order: Vec<&Variant> = variants.iter().filter(|variant| variant.name != PART_1).collect();
        random.shuffle(&mut order);
        for variant in order {
            if combination.0.len() < size && combination.fits(variant) {
                combination.0.push(variant);
            }
        }
        combination
    };
    (0..count).map(draw).collect()
}

/// The variants with these names, even if they exclude each other.
pub(crate) fn named<'v>(variants: &'v [Variant], names: &str) -> Combination<'v> {
    let find = |name: &str| {
        let found = variants.iter().find(|variant| variant.name == name.trim());
        found.unwrap_or_else(|| panic!("no variant {name:?}"))
    };
    Combination(names.split(',').map(find).collect())
}

#[test]
fn every_variant_is_packed_once_and_beside_none_of_its_group() {
    let variants = gallery();
    let combinations = packed(&variants);
    let mut names: Vec<&str> = Vec::new();
    for combination in &combinations {
        assert!(combination.0.len() <= MOST);
        for (index, variant) in combination.0.iter().enumerate() {
            assert!(combination.without(index).fits(variant), "{combination}");
            names.push(&variant.name);
        }
    }
    names.sort_unstable();
    let mut all: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    all.sort_unstable();
    assert_eq!(names, all);
}

#[test]
fn the_same_seed_draws_the_same() {
    let variants = gallery();
    let told = |seed| drawn(&variants, 20, seed).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}
