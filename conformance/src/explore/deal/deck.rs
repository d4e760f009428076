//! Cards that are dealt: each value once before one comes twice.

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

/// Cards, drawn without putting back until all are drawn.
#[derive(Debug)]
pub(super) struct Deck<T> {
    cards: Vec<T>,
    left: Vec<T>,
}

impl<T: Clone> Deck<T> {
    /// So many cards of each value.
    pub(super) fn of(values: &[(usize, T)]) -> Self {
        let cards =
            values.iter().flat_map(|(count, value)| std::iter::repeat_n(value.clone(), *count)).collect();
        Self { cards, left: Vec::new() }
    }

    pub(super) fn each(values: impl IntoIterator<Item = T>) -> Self {
        Self { cards: values.into_iter().collect(), left: Vec::new() }
    }

    pub(super) fn draw(&mut self, rng: &mut TestRng) -> T {
        if self.left.is_empty() {
            self.left.clone_from(&self.cards);
            for last in (1..self.left.len()).rev() {
                self.left.swap(last, rng.random_range(0..=last));
            }
        }
        match self.left.pop() {
            Some(card) => card,
            None => self.cards[0].clone(),
        }
    }
}
