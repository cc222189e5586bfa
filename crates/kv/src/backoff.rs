//! Growing pauses between attempts.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Longest pause: Redis is noticed within about this time after it came back.
const LONGEST: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_millis(50);

/// The pause after so many failures in a row: none after the first, then 50 ms, doubling up to a
/// second. The upper half is random, so that many processes do not come back at the same instant.
pub(crate) fn pause(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else {
        return Duration::ZERO;
    };
    let full = LONGEST.min(FIRST * 2_u32.pow(doublings.min(10)));
    full.mul_f64(0.5 + 0.5 * random_fraction())
}

/// In `0.0..1.0`. The seeds of hash maps are random enough to spread load, and cost no library.
fn random_fraction() -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "any 32 bits of the hash will do"
    )]
    let bits = RandomState::new().hash_one(()) as u32;
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_differ() {
        assert_eq!((pause(0), pause(1)), (Duration::ZERO, Duration::ZERO));
        let seen: Vec<_> = (0..100).map(|_| pause(4)).collect();
        for pause in &seen {
            assert!((100..=200).contains(&pause.as_millis()), "{pause:?}");
        }
        assert!(seen.iter().any(|pause| *pause != seen[0]));
        for failures in [7, 100, u32::MAX] {
            assert!((500..=1000).contains(&pause(failures).as_millis()));
        }
    }
}
