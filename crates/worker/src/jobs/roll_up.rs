//! Sums players' days up to their agents' days. Several workers may do this at once: each
//! day is one worker's at a time.

use std::{collections::VecDeque, time::Duration};

use agent_persistence::rollup::{self, BrandDay};
use agent_services::{Core, roll_up};
use anyhow::Context as _;

use crate::supervisor::{Job, Next};

/// How late a change may show up in the agents' numbers, beside the time that the work takes.
const EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub struct RollUp {
    core: Core,
    /// Longest that the statement over one day may take.
    timeout: Duration,
    /// Days of this round. A day that changes all the time gets its turn once a round.
    round: VecDeque<BrandDay>,
}

impl RollUp {
    #[must_use]
    pub fn new(core: Core, timeout: Duration) -> Self {
        Self {
            core,
            timeout,
            round: VecDeque::new(),
        }
    }
}

impl Job for RollUp {
    fn name(&self) -> &'static str {
        "roll_up"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        if self.round.is_empty() {
            self.round = rollup::waiting_days(self.core.db.pool()).await?.into();
        }
        // Taken off before the work: a day that fails does not keep the others from their turn.
        if let Some(day) = self.round.pop_front() {
            let summed = roll_up::sum_up(&self.core, day, self.timeout).await;
            summed.with_context(|| format!("brand {}, day {}", day.brand, day.day))?;
        }
        if !self.round.is_empty() {
            return Ok(Next::Now);
        }
        self.core
            .metrics
            .job_last_success_timestamp_seconds
            .with_label_values(&["roll_up"])
            .set(self.core.clock.now().timestamp());
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(EVERY).await;
    }
}
