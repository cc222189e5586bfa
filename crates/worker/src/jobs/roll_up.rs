//! Sums players' days up to their agents' days. Several workers may do this at once: each
//! day is one worker's at a time.

use std::{collections::VecDeque, time::Duration};

use agent_persistence::rollup::{self, BrandDay, DaysWaiting, OTHERS};
use agent_services::{Core, roll_up};
use anyhow::Context as _;

use crate::supervisor::{Job, Next};

/// How late a change may show up in the agents' numbers, beside the time that the work takes.
const EVERY: Duration = Duration::from_secs(5);

/// See the module.
///
/// A round is every day that changed, each once however often it changes, and a few of the others:
/// after an update or a correction of many days there are hours of those, and today's changes do
/// not wait for them.
pub struct RollUp {
    core: Core,
    /// Longest that the statement over one day may take.
    timeout: Duration,
    changed: VecDeque<BrandDay>,
    others: VecDeque<BrandDay>,
    /// Of the others, those that failed: they come again when the rest had their turn.
    failed: Vec<BrandDay>,
    /// More others may be left than this round has.
    more: bool,
    /// One of the others was done in this round.
    done: bool,
}

impl RollUp {
    #[must_use]
    pub fn new(core: Core, timeout: Duration) -> Self {
        Self {
            core,
            timeout,
            changed: VecDeque::new(),
            others: VecDeque::new(),
            failed: Vec::new(),
            more: false,
            done: false,
        }
    }

    fn round_is_over(&self) -> bool {
        self.changed.is_empty() && self.others.is_empty()
    }

    async fn begin_round(&mut self) -> anyhow::Result<()> {
        let pool = self.core.db.pool();
        let DaysWaiting { changed, others } = rollup::days_waiting(pool, &self.failed).await?;
        (self.more, self.done) = (others.len() == OTHERS, false);
        if !self.more {
            self.failed.clear();
        }
        self.others = others.into();
        self.others.retain(|day| !changed.contains(day));
        self.changed = changed.into();
        Ok(())
    }

    /// A day is taken off before the work: one that fails does not keep the others from their turn.
    async fn next_day(&mut self) -> anyhow::Result<()> {
        if let Some(day) = self.changed.pop_front() {
            self.sum_up(day).await?;
        } else if let Some(day) = self.others.pop_front() {
            self.failed.push(day);
            self.done |= self.sum_up(day).await?;
            self.failed.pop();
        }
        Ok(())
    }

    async fn sum_up(&self, day: BrandDay) -> anyhow::Result<bool> {
        roll_up::sum_up(&self.core, day, self.timeout)
            .await
            .with_context(|| format!("brand {}, day {}", day.brand, day.day))
    }
}

impl Job for RollUp {
    fn name(&self) -> &'static str {
        "roll_up"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        if self.round_is_over() {
            self.begin_round().await?;
        }
        self.next_day().await?;
        // After each day: a round may have many.
        self.core
            .metrics
            .job_last_success_timestamp_seconds
            .with_label_values(&["roll_up"])
            .set(self.core.clock.now().timestamp());
        // What other workers have in hand is not waited for without a pause.
        let go_on = !self.round_is_over() || (self.more && self.done);
        Ok(if go_on { Next::Now } else { Next::AfterPause })
    }

    async fn pause(&mut self) {
        tokio::time::sleep(EVERY).await;
    }
}
