//! Signs of life of the workers (Q-18, P-094).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Kv, KvError,
    keys::{HEARTBEATS, heartbeat},
};

/// Most instances that are looked at.
const MOST: isize = 100;

/// What a worker says of itself. Fields that a newer version adds are passed over, and those that
/// an older one does not know are empty, so that versions can run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatBody {
    pub instance: String,
    /// When the loop that publishes last came round.
    pub at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    /// False when publishing is switched off.
    #[serde(default)]
    pub outbox_poller: bool,
    /// Shards that the worker holds.
    #[serde(default)]
    pub leases_held: u32,
    /// Events published since the start.
    #[serde(default)]
    pub published: u64,
}

impl Kv {
    /// Tells that a worker lives; the word is good for `ttl`.
    ///
    /// # Errors
    /// Redis is away or refused.
    pub async fn beat(&self, body: &HeartbeatBody, ttl: Duration) -> Result<(), KvError> {
        let text = serde_json::to_string(body).map_err(|_| KvError::Answer)?;
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let forgotten = body.at - TimeDelta::days(1);
        let mut batch = redis::pipe();
        batch
            .cmd("SET")
            .arg(heartbeat(&body.instance))
            .arg(text)
            .arg("PX")
            .arg(ttl);
        batch
            .cmd("ZADD")
            .arg(HEARTBEATS)
            .arg(body.at.timestamp_millis())
            .arg(&body.instance);
        batch
            .cmd("ZREMRANGEBYSCORE")
            .arg(HEARTBEATS)
            .arg("-inf")
            .arg(forgotten.timestamp_millis());
        let mut lease = self.inner.link.lease().await?;
        let answer = batch.exec_async(&mut lease.connection).await;
        self.inner.link.settle(&lease, answer).await
    }

    /// The heartbeats that are still good, newest first, at most 100.
    ///
    /// # Errors
    /// Redis is away or refused.
    pub async fn latest(&self) -> Result<Vec<HeartbeatBody>, KvError> {
        let mut newest = redis::cmd("ZREVRANGE");
        newest.arg(HEARTBEATS).arg(0).arg(MOST - 1);
        let instances: Vec<String> = self.query(&newest).await?;
        if instances.is_empty() {
            return Ok(Vec::new());
        }
        let mut bodies = redis::cmd("MGET");
        for instance in &instances {
            bodies.arg(heartbeat(instance));
        }
        let bodies: Vec<Option<String>> = self.query(&bodies).await?;
        let read = |text: String| serde_json::from_str(&text).ok();
        Ok(bodies.into_iter().flatten().filter_map(read).collect())
    }
}
