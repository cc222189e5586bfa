//! Chance that falls the same way every time, so that two demo databases look alike.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, Duration, Utc};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rust_decimal::Decimal;

const SEED: u64 = 20_260_428;

pub(super) struct Dice(StdRng);

impl Dice {
    /// Each area has dice of its own: more of one thing leaves the others as they were.
    pub(super) fn of(area: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (SEED, area).hash(&mut hasher);
        Self(StdRng::seed_from_u64(hasher.finish()))
    }

    /// Both ends included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.random_range(least..=most.max(least))
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count.max(1))
    }

    pub(super) fn percent(&mut self, chance: i64) -> bool {
        self.between(1, 100) <= chance
    }

    /// One of some; there must be one.
    pub(super) fn pick<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }

    /// A whole multiple of `step` units of the currency.
    pub(super) fn amount(&mut self, least: i64, most: i64, step: i64) -> Decimal {
        Decimal::from(self.between(least / step, most / step) * step)
    }

    /// To the cent.
    pub(super) fn cents(&mut self, least: i64, most: i64) -> Decimal {
        Decimal::new(self.between(least * 100, most * 100), 2)
    }

    /// A whole second between two instants; the first if they are in the wrong order.
    pub(super) fn instant(&mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> DateTime<Utc> {
        let seconds = (until - from).num_seconds().max(0);
        from + Duration::seconds(self.between(0, seconds))
    }

    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.digit()))
            .collect()
    }

    fn digit(&mut self) -> u8 {
        self.0.random_range(0..10)
    }

    /// Letters and digits that are not mistaken for one another.
    pub(super) fn code(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..length)
            .map(|_| char::from(self.pick(ALPHABET)))
            .collect()
    }
}
