//! Signs of life (P-094, Q-18): in Redis for other processes, to the service manager for
//! restarts. Both stop when the publishing loop hangs, not only when the process dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use agent_kv::HeartbeatBody;
use agent_services::Core;
use agent_telemetry::sd;
use chrono::{DateTime, Utc};

use crate::supervisor::{Job, Next};

/// When the publishing loop last came round. Shared between the loop and whoever watches it.
#[derive(Clone, Debug)]
pub struct LoopSign {
    core: CoreClock,
    /// Microseconds since 1970.
    at: Arc<AtomicI64>,
    shards: Arc<AtomicU32>,
}

type CoreClock = agent_services::Clock;

impl LoopSign {
    #[must_use]
    pub fn new(core: &Core) -> Self {
        let at = core.clock.now().timestamp_micros();
        Self {
            core: core.clock.clone(),
            at: Arc::new(at.into()),
            shards: Arc::default(),
        }
    }

    /// The loop has finished a step.
    pub fn came_round(&self, shards: usize) {
        self.at
            .store(self.core.now().timestamp_micros(), Ordering::Relaxed);
        self.shards
            .store(u32::try_from(shards).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    #[must_use]
    pub fn last(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.at.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Whether the loop has come round within `stale`.
    #[must_use]
    pub fn is_fresh(&self, stale: Duration) -> bool {
        let age = self.core.now() - self.last();
        age.to_std().is_ok_and(|age| age < stale) || age < chrono::Duration::zero()
    }
}

/// Passes the loop's sign on.
pub struct Heartbeat {
    pub core: Core,
    pub sign: LoopSign,
    pub instance: String,
    pub started_at: DateTime<Utc>,
    pub publishing: bool,
    pub interval: Duration,
    pub stale: Duration,
}

impl Job for Heartbeat {
    fn name(&self) -> &'static str {
        "heartbeat"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        if !self.publishing {
            // Nothing can hang when nothing is to be done.
            self.sign.came_round(0);
        }
        if !self.sign.is_fresh(self.stale) {
            anyhow::bail!(
                "the publishing loop has not come round for {:?}",
                self.stale
            );
        }
        sd::watchdog(&self.core.metrics);
        let body = HeartbeatBody {
            instance: self.instance.clone(),
            at: self.sign.last(),
            started_at: self.started_at,
            outbox_poller: self.publishing,
            leases_held: self.sign.shards.load(Ordering::Relaxed),
            published: self.core.metrics.outbox_published_total.get(),
        };
        self.core.kv.beat(&body, self.stale).await?;
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.interval).await;
    }
}
