//! Whether two sets of measurements can be told apart (Mann and Whitney 1947): by ranks, because
//! times are not normally distributed and a few of them are always far off.

/// Two sets held against each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) medians: (f64, f64),
    /// How likely a difference like this one is if there is none.
    pub(super) p: f64,
    /// How likely one of the first set is greater than one of the second; one half tells nothing.
    pub(super) greater: f64,
}

impl Comparison {
    /// Of two sets that are not empty.
    pub(super) fn of(first: &[f64], second: &[f64]) -> Self {
        let (n, m) = (count(first), count(second));
        let u = rank_sum(first, second) - n * (n + 1.0) / 2.0;
        let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
        let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
        Self {
            medians: (median(first), median(second)),
            p: both_tails(distance / deviation),
            greater: u / (n * m),
        }
    }

    /// By more than chance, and by more than a network would hide.
    pub(super) fn is_distinguishable(&self) -> bool {
        const CHANCE: f64 = 0.001;
        const MILLISECONDS: f64 = 1.0;
        self.p < CHANCE && (self.medians.0 - self.medians.1).abs() > MILLISECONDS
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "far fewer than 2^52 measurements"
)]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// Sum of the ranks of the first set among both; equal values share the mean of their ranks.
fn rank_sum(first: &[f64], second: &[f64]) -> f64 {
    let both = sorted(&[first, second].concat());
    let rank = |value: f64| {
        let below = both.partition_point(|other| *other < value);
        let up_to = both.partition_point(|other| *other <= value);
        (count(&both[..below]) + 1.0 + count(&both[..up_to])) / 2.0
    };
    first.iter().map(|value| rank(*value)).sum()
}

/// The chance of a value that is so many standard deviations off, or more, to either side
/// (Abramowitz and Stegun 7.1.26, good to seven digits).
fn both_tails(deviations: f64) -> f64 {
    let x = deviations / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let factors = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let sum = factors.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    (sum * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: u32, count: u32) -> Vec<f64> {
        (from..from + count).map(f64::from).collect()
    }

    #[test]
    fn tails_of_the_normal_distribution() {
        for (deviations, expected) in [
            (0.0, 1.0),
            (1.0, 0.317_310_5),
            (1.96, 0.049_995_8),
            (3.29, 0.001_001_8),
        ] {
            let p = both_tails(deviations);
            assert!((p - expected).abs() < 1e-5, "{deviations}: {p}");
        }
    }

    /// Worked by hand: ranks 1 2 4 against 3 5 6, with a tie in the second case.
    #[test]
    fn ranks_of_a_small_case() {
        assert!((rank_sum(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]) - 7.0).abs() < 1e-9);
        assert!((rank_sum(&[1.0, 2.0, 2.0], &[2.0, 5.0, 6.0]) - 7.0).abs() < 1e-9);
        let comparison = Comparison::of(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]);
        assert!((comparison.greater - 1.0 / 9.0).abs() < 1e-9);
    }

    #[test]
    fn p183_a_shift_is_found_and_equals_are_not_told_apart() {
        let same = Comparison::of(&line(0, 200), &line(0, 200));
        assert!(same.p > 0.9 && !same.is_distinguishable(), "{same:?}");
        let shifted = Comparison::of(&line(60, 200), &line(0, 200));
        assert!(
            shifted.is_distinguishable() && shifted.greater > 0.7,
            "{shifted:?}"
        );
        let turned = Comparison::of(&line(0, 200), &line(60, 200));
        assert!(
            turned.is_distinguishable() && turned.greater < 0.3,
            "{turned:?}"
        );
        // A difference that is sure but that no network shows.
        let small: Vec<f64> = line(60, 200).iter().map(|value| value / 1000.0).collect();
        let smaller: Vec<f64> = line(0, 200).iter().map(|value| value / 1000.0).collect();
        assert!(!Comparison::of(&small, &smaller).is_distinguishable());
    }
}
