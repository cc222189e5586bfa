//! From the outbox to the stream: lease shards, read, publish in order, note what was published
//! (P-090, P-091, Q-94).

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use agent_domain::event::timestamp;
use agent_kv::{AppendError, KvError, StreamEntry};
use agent_persistence::{
    DbError,
    outbox::{self, PendingEvent, PendingId},
};

use crate::core::Core;

/// Larger payloads are refused: a stream entry is a notice, not a file.
const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// How the relay works.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Names this process among the workers; must be unique.
    pub instance: String,
    /// Events read and published at once.
    pub batch: usize,
    /// How long shards stay ours without a renewal.
    pub lease: Duration,
    /// How often leases are renewed, which is also the poll.
    pub poll: Duration,
    /// Longest answer time of Redis: no batch is begun with less than this left of the lease.
    pub publish_timeout: Duration,
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// Refusals after which an event is parked.
    pub park_after: i16,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing waits, or nothing is ours.
    Idle,
    /// So many events were published; more may wait.
    Published(usize),
}

/// Why a step stopped. Nothing is lost: what was not noted as published is published again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("database: {0}")]
    Database(#[from] DbError),
    #[error("redis: {0}")]
    Redis(#[from] KvError),
    /// Redis answers but takes no writes.
    #[error("the stream takes no writes: {0}")]
    StreamFull(String),
}

/// One publisher among several, each on its own shards.
pub struct Relay {
    core: Core,
    settings: RelaySettings,
    held: Vec<i16>,
    /// Before this instant the shards are surely ours.
    sure_until: Option<Instant>,
    renewed_at: Option<Instant>,
}

impl Relay {
    #[must_use]
    pub fn new(core: Core, settings: RelaySettings) -> Self {
        Self {
            core,
            settings,
            held: Vec::new(),
            sure_until: None,
            renewed_at: None,
        }
    }

    /// Renews the leases when that is due and publishes one batch.
    ///
    /// # Errors
    /// Database or Redis failed; call again after a pause.
    pub async fn step(&mut self) -> Result<Step, RelayError> {
        let renewal_due = self
            .renewed_at
            .is_none_or(|at| at.elapsed() >= self.settings.poll);
        if (renewal_due || !self.surely_ours()) && !self.renew().await? {
            return Ok(Step::Idle);
        }
        if self.held.is_empty() || !self.surely_ours() {
            return Ok(Step::Idle);
        }
        let limit = i64::try_from(self.settings.batch).unwrap_or(i64::MAX);
        let events = outbox::read_batch(self.core.db.pool(), &self.held, limit).await?;
        // Another shard goes first next time, so that none starves behind a busy one.
        self.held.rotate_left(1);
        if events.is_empty() || !self.surely_ours() {
            return Ok(Step::Idle);
        }
        self.publish(events).await
    }

    /// How many shards this publisher holds.
    #[must_use]
    pub fn shards_held(&self) -> usize {
        self.held.len()
    }

    /// Gives up every shard at once: the last act of a worker that stops.
    ///
    /// # Errors
    /// The database failed; the leases run out by themselves.
    pub async fn release(&mut self) -> Result<(), RelayError> {
        self.held.clear();
        self.sure_until = None;
        Ok(outbox::release_leases(self.core.db.pool(), &self.settings.instance).await?)
    }

    fn surely_ours(&self) -> bool {
        self.sure_until.is_some_and(|until| Instant::now() < until)
    }

    /// Renews; tells whether a shard has work.
    async fn renew(&mut self) -> Result<bool, RelayError> {
        // Measured from before the statement, so that our idea of the lease ends first.
        let asked_at = Instant::now();
        let settings = &self.settings;
        let leases =
            outbox::renew_leases(self.core.db.pool(), &settings.instance, settings.lease).await?;
        self.renewed_at = Some(asked_at);
        self.sure_until = Some(asked_at + settings.lease.saturating_sub(settings.publish_timeout));
        let same = leases.iter().all(|lease| self.held.contains(&lease.shard));
        if !same || leases.len() != self.held.len() {
            self.held = leases.iter().map(|lease| lease.shard).collect();
            tracing::info!(shards = ?self.held, "leases changed");
        }
        let held = i64::try_from(self.held.len()).unwrap_or(i64::MAX);
        self.core.metrics.outbox_leases_held.set(held);
        Ok(leases.iter().any(|lease| lease.has_work))
    }

    async fn publish(&mut self, events: Vec<PendingEvent>) -> Result<Step, RelayError> {
        let (entries, waiting) = self.encode(events).await?;
        if entries.is_empty() {
            return Ok(Step::Published(0));
        }
        let appended = match self.core.kv.append(&entries).await {
            Ok(appended) => appended,
            Err(error) => {
                self.failed("connection");
                return Err(error.into());
            }
        };
        let mut published = Vec::with_capacity(appended.len());
        let mut stopped = None;
        for (event, outcome) in waiting.iter().zip(appended) {
            match outcome {
                Ok(_) => published.push(event.place),
                Err(AppendError::Full(code)) => stopped = Some(code),
                Err(AppendError::Rejected(code)) => self.refuse(event, &code).await?,
                // Never tried: an earlier event of its aggregate was refused.
                Err(AppendError::HeldBack) => {}
            }
        }
        self.note(&published).await?;
        if let Some(code) = stopped {
            self.failed("stream_full");
            return Err(RelayError::StreamFull(code));
        }
        Ok(Step::Published(published.len()))
    }

    /// Turns rows into entries. A row that cannot be one is refused, and the later rows of its
    /// aggregate wait for it.
    async fn encode(
        &self,
        events: Vec<PendingEvent>,
    ) -> Result<(Vec<StreamEntry>, Vec<PendingEvent>), RelayError> {
        let mut entries = Vec::with_capacity(events.len());
        let mut waiting = Vec::with_capacity(events.len());
        let mut held_back = HashSet::new();
        for event in events {
            let aggregate = (event.place.shard, event.aggregate_hash);
            if held_back.contains(&aggregate) {
                continue;
            }
            match encode(&event) {
                Ok(entry) => {
                    entries.push(entry);
                    waiting.push(event);
                }
                Err(reason) => {
                    self.refuse(&event, reason).await?;
                    if event.attempts + 1 < self.settings.park_after {
                        held_back.insert(aggregate);
                    }
                }
            }
        }
        Ok((entries, waiting))
    }

    async fn note(&self, published: &[PendingId]) -> Result<(), RelayError> {
        if published.is_empty() {
            return Ok(());
        }
        outbox::mark_published(self.core.db.pool(), published).await?;
        let count = u64::try_from(published.len()).unwrap_or(u64::MAX);
        self.core.metrics.outbox_published_total.inc_by(count);
        Ok(())
    }

    /// Notes a refusal of one row; connection errors never come here.
    async fn refuse(&self, event: &PendingEvent, reason: &str) -> Result<(), RelayError> {
        let park = event.attempts + 1 >= self.settings.park_after;
        let delay = retry_delay(&self.settings, event.attempts);
        let pool = self.core.db.pool();
        outbox::mark_refused(pool, event.place, reason, delay, park).await?;
        self.failed("refused");
        tracing::warn!(
            event_id = %event.event_id, event_type = event.event_type, reason, park,
            attempts = event.attempts + 1, "outbox row refused"
        );
        if park {
            self.core.metrics.outbox_parked_total.inc();
        }
        Ok(())
    }

    fn failed(&self, reason: &str) {
        self.core
            .metrics
            .outbox_publish_failed_total
            .with_label_values(&[reason])
            .inc();
    }
}

fn retry_delay(settings: &RelaySettings, attempts: i16) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(20);
    settings
        .retry_min
        .saturating_mul(1 << doublings)
        .min(settings.retry_max)
}

/// Checks what consumers rely on: an object that names its brand, of a bounded size.
fn encode(event: &PendingEvent) -> Result<StreamEntry, &'static str> {
    let names_brand = event
        .payload
        .get("brand_id")
        .and_then(serde_json::Value::as_i64);
    if names_brand != Some(event.brand_id) {
        return Err("payload_without_brand");
    }
    let payload = event.payload.to_string();
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err("payload_too_large");
    }
    Ok(StreamEntry {
        event_id: event.event_id.to_string(),
        event_type: event.event_type.clone(),
        aggregate_type: event.aggregate_type.clone(),
        aggregate_id: event.aggregate_id.clone(),
        brand_id: event.brand_id.to_string(),
        schema_version: event.schema_version.to_string(),
        occurred_at: timestamp(event.occurred_at),
        payload,
    })
}
