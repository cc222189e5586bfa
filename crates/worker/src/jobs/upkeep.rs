//! Gauges and the stream's length. Several workers may do this at once without harm.

use std::time::{Duration, Instant};

use agent_persistence::{outbox, rollup};
use agent_services::Core;

use crate::supervisor::{Job, Next};

const EVERY: Duration = Duration::from_secs(15);
/// Part of the stream's limit from which on it is warned about.
const WARN_AT: f64 = 0.9;

/// See the module.
pub struct Upkeep {
    pub core: Core,
    /// Entries that the stream keeps.
    pub stream_max_len: u64,
    /// When and how many events had been published at the last look.
    pub published: Option<(Instant, u64)>,
}

impl Upkeep {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate of less than 2^52 needs no precision"
    )]
    fn rate(&mut self) {
        let metrics = &self.core.metrics;
        let now = (Instant::now(), metrics.outbox_published_total.get());
        if let Some((then, before)) = self.published.replace(now) {
            let seconds = (now.0 - then).as_secs_f64().max(f64::EPSILON);
            let events = now.1.saturating_sub(before) as f64;
            metrics.outbox_publish_rate.set(events / seconds);
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

    async fn measure_roll_up(&self) -> anyhow::Result<()> {
        let metrics = &self.core.metrics;
        let backlog = rollup::backlog(self.core.db.pool()).await?;
        for (work, waiting) in [
            ("changed", backlog.changed),
            ("look_back", backlog.look_back),
            ("rebuild", backlog.rebuild),
        ] {
            let gauge = &metrics.roll_up_waiting;
            gauge.with_label_values(&[work]).set(waiting);
        }
        for (work, seconds) in [
            ("changed", backlog.changed_seconds),
            ("look_back", backlog.look_back_seconds),
        ] {
            let gauge = &metrics.roll_up_waiting_seconds;
            gauge.with_label_values(&[work]).set(seconds);
        }
        Ok(())
    }

    /// Nothing else ever trims the stream, so nothing disappears uncounted.
    async fn trim(&self) -> anyhow::Result<()> {
        let limit = self.stream_max_len;
        let shown = i64::try_from(limit).unwrap_or(i64::MAX);
        self.core.metrics.outbox_stream_limit.set(shown);
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
}

impl Job for Upkeep {
    fn name(&self) -> &'static str {
        "upkeep"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        self.rate();
        // A database that is away does not keep the stream from being trimmed.
        let (measured, roll_up, trimmed) = (
            self.measure().await,
            self.measure_roll_up().await,
            self.trim().await,
        );
        measured.and(roll_up).and(trimmed)?;
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(EVERY).await;
    }
}
