//! How long and how often is measured.

use std::time::Duration;

use super::figure::Pairs;

/// A whole run, or a smoke run whose figures say little.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Turns of baseline and product.
    pub(super) pairs: u32,
    pub(super) warm_up: Duration,
    /// Of one side of a pair.
    pub(super) turn: Duration,
    /// At a given rate, for latencies.
    pub(super) paced: Duration,
}

impl Effort {
    pub(super) fn new(quick: bool) -> Self {
        let (pairs, warm_up, turn, paced) = match quick {
            true => (1, 100, 300, 500),
            false => (5, 300, 1_000, 5_000),
        };
        let milliseconds = Duration::from_millis;
        Self {
            pairs,
            warm_up: milliseconds(warm_up),
            turn: milliseconds(turn),
            paced: milliseconds(paced),
        }
    }

    /// Both sides in turn, and every other time the other one first.
    pub(super) async fn alternate(
        self,
        mut baseline: impl AsyncFnMut() -> anyhow::Result<f64>,
        mut product: impl AsyncFnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Pairs> {
        let mut pairs = Pairs::default();
        for turn in 0..self.pairs {
            if turn.is_multiple_of(2) {
                pairs.baseline.push(baseline().await?);
                pairs.product.push(product().await?);
            } else {
                pairs.product.push(product().await?);
                pairs.baseline.push(baseline().await?);
            }
        }
        Ok(pairs)
    }
}
