//! From the outbox to the stream: lease shards, read, publish in order, note what was published
//! (P-090, P-091, Q-94).
//!
//! Published twice is possible (a process dies between publishing and noting, a lease runs out
//! while Redis hangs), lost or out of order is not: a batch holds, of each of its aggregates, the
//! oldest unpublished events without a gap, so a repetition never shows a later event first.

mod entry;
mod floor;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use agent_kv::{AppendError, KvError, StreamEntry};
use agent_persistence::{
    DbError,
    outbox::{self, PendingEvent, PendingId},
};

use crate::core::Core;
use floor::Floor;

/// How the relay works.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Names this process among the workers; must be unique.
    pub instance: String,
    /// Most events that are read and published at once.
    pub batch: usize,
    /// How long shards stay ours without a renewal.
    pub lease: Duration,
    /// How often leases are renewed, which is also the poll.
    pub poll: Duration,
    /// Longest time that a batch may take to get to Redis: none is begun with less than this left
    /// of the lease.
    pub publish_timeout: Duration,
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// Refusals after which an event is parked.
    pub park_after: i16,
    /// Looking through the whole outbox, and not only above what was published, takes at most
    /// one part in so many of the time. It takes long only while a transaction elsewhere keeps
    /// deleted rows from being forgotten.
    pub whole_pass_share: u32,
    /// The whole outbox is looked through at least this often: the delay of an event that was
    /// committed late while `whole_pass_share` is exceeded.
    pub whole_pass_every: Duration,
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
    floor: Floor,
    /// Shrinks while batches take too long, so that a slow Redis or database sees smaller ones
    /// and not the same one again and again.
    batch: usize,
    /// Published, but the database failed before that was noted.
    unnoted: Vec<PendingId>,
}

impl Relay {
    #[must_use]
    pub fn new(core: Core, settings: RelaySettings) -> Self {
        Self {
            core,
            held: Vec::new(),
            sure_until: None,
            renewed_at: None,
            floor: Floor::new(settings.whole_pass_share, settings.whole_pass_every),
            batch: settings.batch,
            unnoted: Vec::new(),
            settings,
        }
    }

    /// Renews the leases when that is due and publishes one batch.
    ///
    /// # Errors
    /// Database or Redis failed; call again after a pause.
    pub async fn step(&mut self) -> Result<Step, RelayError> {
        self.note_published().await?;
        let renewal_due = self
            .renewed_at
            .is_none_or(|at| at.elapsed() >= self.settings.poll);
        if (renewal_due || !self.surely_ours()) && !self.renew().await? {
            return Ok(Step::Idle);
        }
        if self.held.is_empty() || !self.surely_ours() {
            return Ok(Step::Idle);
        }
        let limit = i64::try_from(self.batch).unwrap_or(i64::MAX);
        let after = self.floor.after();
        let events = outbox::read_batch(self.core.db.pool(), &self.held, after, limit).await?;
        // Another shard goes first next time, so that none starves behind a busy one.
        self.held.rotate_left(1);
        if events.is_empty() {
            return Ok(Step::Idle);
        }
        if !self.surely_ours() {
            self.smaller_batches();
            return Ok(Step::Published(0));
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
        self.note_published().await?;
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
        let after = self.floor.begin(asked_at);
        let pool = self.core.db.pool();
        let renewal = outbox::renew_leases(pool, &settings.instance, settings.lease, after).await?;
        self.renewed_at = Some(asked_at);
        self.sure_until = Some(asked_at + settings.lease.saturating_sub(settings.publish_timeout));
        let leases = renewal.leases;
        let has_work = leases.iter().any(|lease| lease.has_work);
        self.floor
            .renewed(asked_at.elapsed(), has_work, renewal.horizon);
        let same = leases.iter().all(|lease| self.held.contains(&lease.shard));
        if !same || leases.len() != self.held.len() {
            self.held = leases.iter().map(|lease| lease.shard).collect();
            self.floor.forget();
            tracing::info!(shards = ?self.held, "leases changed");
        }
        let held = i64::try_from(self.held.len()).unwrap_or(i64::MAX);
        self.core.metrics.outbox_leases_held.set(held);
        Ok(has_work)
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
                self.smaller_batches();
                return Err(error.into());
            }
        };
        self.batch = (self.batch * 2).min(self.settings.batch);
        let outcome = Outcome::of(&waiting, appended);
        self.unnoted = outcome.published;
        let count = self.unnoted.len();
        self.note_published().await?;
        for (event, code) in outcome.refused {
            self.refuse(event, &code).await?;
        }
        if let Some(code) = outcome.full {
            self.failed("stream_full");
            return Err(RelayError::StreamFull(code));
        }
        Ok(Step::Published(count))
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
            match entry::encode(&event) {
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

    /// Notes what was published, now or by an earlier step that the database left in the lurch:
    /// before anything is read again, or it would be published again.
    async fn note_published(&mut self) -> Result<(), RelayError> {
        if self.unnoted.is_empty() {
            return Ok(());
        }
        outbox::mark_published(self.core.db.pool(), &self.unnoted).await?;
        for place in std::mem::take(&mut self.unnoted) {
            self.floor.published(place.id);
            self.core.metrics.outbox_published_total.inc();
        }
        Ok(())
    }

    /// Notes a refusal of one row; connection errors never come here.
    async fn refuse(&self, event: &PendingEvent, reason: &str) -> Result<(), RelayError> {
        let park = event.attempts + 1 >= self.settings.park_after;
        let delay = retry_delay(&self.settings, event.attempts);
        let pool = self.core.db.pool();
        let marked = outbox::mark_refused(pool, event.place, reason, delay, park).await?;
        self.failed("refused");
        tracing::warn!(
            event_id = %event.event_id, event_type = event.event_type, reason, park,
            attempts = event.attempts + 1, "outbox row refused"
        );
        if park && marked {
            self.core.metrics.outbox_parked_total.inc();
        }
        Ok(())
    }

    fn smaller_batches(&mut self) {
        self.batch = (self.batch / 2).max(1);
    }

    fn failed(&self, reason: &str) {
        self.core
            .metrics
            .outbox_publish_failed_total
            .with_label_values(&[reason])
            .inc();
    }
}

/// What became of a batch.
struct Outcome<'a> {
    published: Vec<PendingId>,
    refused: Vec<(&'a PendingEvent, String)>,
    /// Why Redis takes no writes.
    full: Option<String>,
}

impl<'a> Outcome<'a> {
    fn of(events: &'a [PendingEvent], appended: Vec<Result<String, AppendError>>) -> Self {
        let mut outcome = Self {
            published: Vec::with_capacity(events.len()),
            refused: Vec::new(),
            full: None,
        };
        for (event, appended) in events.iter().zip(appended) {
            match appended {
                Ok(_) => outcome.published.push(event.place),
                Err(AppendError::Full(code)) => outcome.full = Some(code),
                Err(AppendError::Rejected(code)) => outcome.refused.push((event, code)),
                // Never tried: an earlier event of its aggregate was refused.
                Err(AppendError::HeldBack) => {}
            }
        }
        outcome.blame()
    }

    /// A row is at fault only where Redis is known to take others: a Redis that refuses all of
    /// them, for whatever reason, must not park the whole outbox.
    fn blame(mut self) -> Self {
        if self.published.is_empty()
            && let Some((_, code)) = self.refused.drain(..).next()
        {
            self.full.get_or_insert(code);
        }
        self
    }
}

fn retry_delay(settings: &RelaySettings, attempts: i16) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(20);
    settings
        .retry_min
        .saturating_mul(1 << doublings)
        .min(settings.retry_max)
}

#[cfg(test)]
mod tests;
