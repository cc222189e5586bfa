//! Upkeep that several workers may do at once without harm: gauges, trimming, partitions, sweeps.

use std::time::{Duration, Instant};

use agent_persistence::{idempotency, outbox, portal::auth};
use agent_services::Core;

use crate::supervisor::{Job, Next};

/// How often the backlog is measured and the stream trimmed.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// How often partitions are made and dropped and old rows swept.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Partitions of days to come that are kept ready.
const DAYS_AHEAD: i32 = 7;
/// Rows swept by one statement, so that none holds locks for long.
const SWEEP_ROWS: i64 = 5_000;
/// Part of the stream's limit from which on it is warned about.
const WARN_AT: f64 = 0.9;

/// How long what is kept.
#[derive(Clone, Debug)]
pub struct UpkeepSettings {
    /// Published events stay so long, to feed a stream again.
    pub outbox_retention: Duration,
    /// Entries that the stream keeps.
    pub stream_max_len: u64,
    pub idempotency_ttl: Duration,
}

/// See the module.
pub struct Upkeep {
    core: Core,
    settings: UpkeepSettings,
    swept_at: Option<Instant>,
}

impl Upkeep {
    #[must_use]
    pub fn new(core: Core, settings: UpkeepSettings) -> Self {
        Self {
            core,
            settings,
            swept_at: None,
        }
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let metrics = &self.core.metrics;
        let backlog = outbox::backlog(self.core.db.pool()).await?;
        metrics.outbox_pending_rows.set(backlog.pending);
        metrics.outbox_parked_rows.set(backlog.parked);
        metrics
            .outbox_oldest_pending_seconds
            .set(backlog.oldest_seconds);
        Ok(())
    }

    /// Nothing else ever trims the stream, so nothing disappears uncounted.
    async fn trim(&self) -> anyhow::Result<()> {
        let limit = self.settings.stream_max_len;
        let trimmed = self.core.kv.stream_trim(limit).await?;
        self.core
            .metrics
            .outbox_stream_trimmed_total
            .inc_by(trimmed);
        if trimmed > 0 {
            tracing::warn!(trimmed, limit, "entries trimmed from the stream");
        }
        let length = self.core.kv.stream_len().await?;
        self.core
            .metrics
            .outbox_stream_length
            .set(i64::try_from(length).unwrap_or(i64::MAX));
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of about a million needs no precision"
        )]
        let share = length as f64 / limit.max(1) as f64;
        if share >= WARN_AT {
            tracing::warn!(length, limit, "the stream is nearly at its limit");
        }
        Ok(())
    }

    async fn sweep(&self) -> anyhow::Result<()> {
        let pool = self.core.db.pool();
        let now = self.core.clock.now();
        let retention_days = self.settings.outbox_retention.as_secs().div_ceil(86_400);
        let retention_days = i32::try_from(retention_days)?;
        let (made, dropped) = outbox::maintain_partitions(pool, DAYS_AHEAD, retention_days).await?;
        if made + dropped > 0 {
            tracing::info!(made, dropped, "outbox partitions");
        }
        let keys_before = now - self.settings.idempotency_ttl;
        while idempotency::sweep(pool, keys_before, SWEEP_ROWS).await? > 0 {}
        while auth::sweep_tokens(pool, now, SWEEP_ROWS).await? > 0 {}
        Ok(())
    }
}

impl Job for Upkeep {
    fn name(&self) -> &'static str {
        "upkeep"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        if self.swept_at.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
            self.sweep().await?;
            self.swept_at = Some(Instant::now());
            let now = self.core.clock.now().timestamp();
            self.core
                .metrics
                .job_last_success_timestamp_seconds
                .with_label_values(&["sweep"])
                .set(now);
        }
        self.measure().await?;
        self.trim().await?;
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(MEASURE_EVERY).await;
    }
}
