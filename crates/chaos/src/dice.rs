//! Chance that falls the same way for the same seed (SplitMix64).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A source of chance. Two of the same seed and area give the same numbers, whatever others do.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Each area has dice of its own: more of one thing leaves the others as they were.
    #[must_use]
    pub fn of(seed: u64, area: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, area).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1).max(1);
        least + self.number() % span
    }

    /// Below a count; 0 where there is none.
    pub fn below(&mut self, count: usize) -> usize {
        let most = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.between(0, most)).unwrap_or(0)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.between(1, 100) <= chance
    }

    /// One of some; there must be one.
    pub fn pick<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }

    /// Milliseconds, both ends included.
    pub fn millis(&mut self, least: u64, most: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.between(least, most))
    }

    pub fn shuffle<T>(&mut self, some: &mut [T]) {
        for at in (1..some.len()).rev() {
            some.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_area_fall_the_same_way_and_others_do_not() {
        let roll = |seed, area| {
            let mut dice = Dice::of(seed, area);
            [dice.number(), dice.number(), dice.number()]
        };
        assert_eq!(roll(1, "plan"), roll(1, "plan"));
        assert_ne!(roll(1, "plan"), roll(2, "plan"));
        assert_ne!(roll(1, "plan"), roll(1, "load"));
    }

    #[test]
    fn numbers_stay_between_their_ends_and_reach_both() {
        let mut dice = Dice::of(7, "ends");
        let numbers: Vec<u64> = (0..1_000).map(|_| dice.between(3, 6)).collect();
        assert!(numbers.iter().all(|number| (3..=6).contains(number)));
        assert!((3..=6).all(|end| numbers.contains(&end)));
        assert_eq!(dice.between(5, 5), 5);
        assert_eq!(dice.below(0), 0);
    }
}
