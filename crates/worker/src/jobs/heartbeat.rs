//! Signs of life (P-094, Q-18): in Redis for other processes, to the service manager for
//! restarts. Both stop when the publishing loop hangs, not only when the process dies.

use std::time::Duration;

use agent_kv::HeartbeatBody;
use agent_services::Core;
use agent_telemetry::sd;
use chrono::{DateTime, Utc};

use super::LoopSign;
use crate::supervisor::{Job, Next};

/// Passes the loop's sign on.
pub struct Heartbeat {
    pub core: Core,
    pub sign: LoopSign,
    pub instance: String,
    pub started_at: DateTime<Utc>,
    pub publishing: bool,
    pub interval: Duration,
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
        let stale = self.sign.stale();
        if !self.sign.is_fresh() {
            anyhow::bail!("the publishing loop has not come round for {stale:?}");
        }
        sd::watchdog(&self.core.metrics);
        let body = HeartbeatBody {
            instance: self.instance.clone(),
            at: self.sign.last(),
            started_at: self.started_at,
            outbox_poller: self.publishing,
            leases_held: self.sign.shards(),
            published: self.core.metrics.outbox_published_total.get(),
        };
        self.core.kv.beat(&body, stale).await?;
        Ok(Next::AfterPause)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.interval).await;
    }
}
