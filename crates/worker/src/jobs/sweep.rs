//! Partitions, and rows whose time is over. Several workers may do this at once without harm.

use std::time::Duration;

use agent_persistence::{
    idempotency, outbox,
    portal::{auth, recovery},
};
use agent_services::Core;
use chrono::TimeDelta;

use crate::supervisor::{Job, Next};

const EVERY: Duration = Duration::from_secs(600);
/// Partitions of days to come that are kept ready.
const DAYS_AHEAD: i32 = 7;
/// Rows swept by one statement, so that none holds locks for long.
const ROWS: i64 = 5_000;
/// Codes that are over stay for a day: a late guess is then told from one at nothing.
const CODES_KEPT: TimeDelta = TimeDelta::days(1);
const SECONDS_PER_DAY: u64 = 86_400;

/// See the module.
pub struct Sweep {
    pub core: Core,
    /// Published events stay so long, to feed a stream again.
    pub outbox_retention: Duration,
    pub idempotency_ttl: Duration,
}

impl Sweep {
    async fn partitions(&self) -> anyhow::Result<()> {
        let days = self.outbox_retention.as_secs().div_ceil(SECONDS_PER_DAY);
        let pool = self.core.db.pool();
        let (made, dropped) =
            outbox::maintain_partitions(pool, DAYS_AHEAD, i32::try_from(days)?).await?;
        if made + dropped > 0 {
            tracing::info!(made, dropped, "outbox partitions");
        }
        Ok(())
    }

    /// Tells whether more may be left.
    async fn rows(&self) -> anyhow::Result<bool> {
        let pool = self.core.db.pool();
        let now = self.core.clock.now();
        let keys = idempotency::sweep(pool, now - self.idempotency_ttl, ROWS).await?;
        let tokens = auth::sweep_tokens(pool, now, ROWS).await?;
        let codes = recovery::sweep(pool, now - CODES_KEPT, ROWS).await?;
        Ok(keys.max(tokens).max(codes) >= ROWS.unsigned_abs())
    }
}

impl Job for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        // Neither waits for the other's faults to be cured.
        let (partitions, rows) = (self.partitions().await, self.rows().await);
        partitions?;
        if rows? {
            return Ok(Next::Now);
        }
        self.core
            .metrics
            .job_last_success_timestamp_seconds
            .with_label_values(&["sweep"])
            .set(self.core.clock.now().timestamp());
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(EVERY).await;
    }
}
