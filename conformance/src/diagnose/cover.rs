//! The fewest problems that explain all failures: a group of failures that another group leads to is no problem of its own.

/// For each of `count` groups: the group that it belongs to, which is itself if it is a problem of its own. `leads_to(a,
/// b)` says whether failures as in `a` probably lead to failures as in `b`. Of two that lead to each other the first
/// one is the problem.
pub(super) fn roots(count: usize, leads_to: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut leads: Vec<Vec<bool>> =
        (0..count).map(|from| (0..count).map(|to| from != to && leads_to(from, to)).collect()).collect();
    let direct = leads.clone();
    for via in 0..count {
        for from in 0..count {
            for to in 0..count {
                leads[from][to] |= from != to && leads[from][via] && leads[via][to];
            }
        }
    }
    let is_effect_of =
        |group: usize, other: usize| leads[other][group] && (!leads[group][other] || other < group);
    let is_root = |group: usize| !(0..count).any(|other| is_effect_of(group, other));
    let root_of = |group: usize| {
        let causes = (0..count).filter(|&other| is_effect_of(group, other) && is_root(other));
        // One that leads to it without a third between them is more likely.
        causes.min_by_key(|&other| !direct[other][group]).unwrap_or(group)
    };
    (0..count).map(root_of).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::roots;

    #[rstest]
    #[case::alone(&[], &[0, 1, 2])]
    #[case::one_effect(&[(0, 2)], &[0, 1, 0])]
    #[case::through_another(&[(1, 0), (0, 2)], &[1, 1, 1])]
    #[case::two_possible_causes(&[(0, 2), (1, 2)], &[0, 1, 0])]
    #[case::the_direct_one(&[(0, 1), (1, 2)], &[0, 0, 0])]
    #[case::each_other(&[(0, 1), (1, 0)], &[0, 0, 2])]
    #[case::a_circle_and_its_cause(&[(0, 1), (1, 0), (2, 1)], &[2, 2, 2])]
    fn an_effect_belongs_to_its_cause(#[case] leads: &[(usize, usize)], #[case] wanted: &[usize]) {
        assert_eq!(roots(3, |from, to| leads.contains(&(from, to))), wanted);
    }
}
