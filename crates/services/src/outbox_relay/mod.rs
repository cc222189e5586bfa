//! From the outbox to the stream: lease shards, read, publish in order, note what was published
//! (P-090, P-091, Q-94).
//!
//! Three things go on at once: the next rows are read, of shards that nothing is under way of; the
//! rows read before are appended to the stream; and those appended before that are noted. So
//! neither database nor Redis waits for the other one, and a shard is always read, appended and
//! noted in this order.
//!
//! Published twice is possible where a process dies between publishing and noting; lost or out of
//! order is not: what is read holds, of each of its aggregates, the oldest unpublished events
//! without a gap, so a repetition never shows a later event first. Whoever lost a shard without
//! noticing is stopped by the stream, which knows the epochs of the shards.

mod batch;
mod entry;
mod hints;
mod lease;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use agent_kv::{Appended, Fence, Kv, KvError};
use agent_persistence::{
    Db, DbError,
    outbox::{self, PendingEvent, PendingId, Place},
};
use uuid::Uuid;

use crate::core::Core;
use batch::{Batch, Refused, Todo};
use hints::{Found, Hints};

/// How often it is looked who appends, while no backlog makes it worth more: hints that rise late
/// cost a few rows more to walk over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Nothing was published for so long: it is quiet.
const QUIET_AFTER: Duration = Duration::from_secs(10);

/// How the relay works.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Names this process in the leases, for people.
    pub instance: String,
    /// Most events that are published and not noted yet: so many may appear twice after a crash.
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
    /// The whole outbox is looked through at least this often: the delay of an event that came
    /// back by hand while `whole_pass_share` is exceeded.
    pub whole_pass_every: Duration,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing waits, or nothing is ours.
    Idle,
    /// So many events were published; more may wait.
    Published(usize),
    /// So many events were published, and nothing that was committed before they were read waits.
    Emptied(usize),
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
    /// Whose the leases are. No two relays share it, whatever their names.
    owner: String,
    /// Shards that are ours, in the order of their turn, and their epochs.
    held: Vec<Fence>,
    /// The stream knows the epochs: nobody who held a shard before appends to it any more.
    announced: bool,
    /// Before this instant the shards are surely ours.
    sure_until: Option<Instant>,
    renewed_at: Option<Instant>,
    hints: Hints,
    /// When it was last looked who appends.
    looked_at: Option<Instant>,
    published_at: Option<Instant>,
    /// A signal came since the last step.
    is_signalled: bool,
    /// Rows read at once: half of a batch, because as many again are being noted. Shrinks while
    /// appending takes too long, so that a slow Redis sees less and not the same again and again.
    read_at_once: usize,
    /// Published, but that is not noted yet.
    unnoted: Vec<PendingId>,
}

impl Relay {
    #[must_use]
    pub fn new(core: Core, settings: RelaySettings) -> Self {
        Self {
            core,
            owner: format!("{}:{}", settings.instance, Uuid::new_v4().simple()),
            held: Vec::new(),
            announced: false,
            sure_until: None,
            renewed_at: None,
            hints: Hints::new(settings.whole_pass_share, settings.whole_pass_every),
            looked_at: None,
            published_at: None,
            is_signalled: false,
            read_at_once: most_at_once(&settings),
            unnoted: Vec::new(),
            settings,
        }
    }

    /// Renews the leases when that is due, and publishes until nothing waits or they are due again.
    ///
    /// # Errors
    /// Database or Redis failed; call again after a pause.
    pub async fn step(&mut self) -> Result<Step, RelayError> {
        let outcome = self.turn().await;
        if outcome.is_err() {
            // What was read was perhaps not published.
            self.hints.forget();
        }
        outcome
    }

    /// A signal says that something waits: the next step reads first and renews afterwards, as long
    /// as the leases are surely ours.
    pub fn signalled(&mut self) {
        self.is_signalled = true;
    }

    /// How long to wait for a signal before the next step. Three quarters longer while it is quiet and
    /// every shard is ours: no other publisher is there whose shards could have to be taken over. So
    /// all jobs of an idle worker together send less than a statement a second.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let poll = self.settings.poll;
        let published = |at: Instant| at.elapsed() < QUIET_AFTER;
        let is_alone = self.held.len() == usize::from(outbox::SHARDS.unsigned_abs());
        match is_alone && !self.published_at.is_some_and(published) {
            true => poll * 7 / 4,
            false => poll,
        }
    }

    /// How many shards this publisher holds.
    #[must_use]
    pub fn shards_held(&self) -> usize {
        self.held.len()
    }

    async fn turn(&mut self) -> Result<Step, RelayError> {
        // Before anything is read again, or it would be published again.
        self.note_published().await?;
        let is_signalled = std::mem::take(&mut self.is_signalled);
        let reads_first = is_signalled && !self.held.is_empty() && self.surely_ours();
        let renewal_is_due = self.renewal_is_due() || !self.surely_ours();
        if renewal_is_due && !reads_first && !self.renew().await? {
            return Ok(Step::Idle);
        }
        if self.held.is_empty() || !self.surely_ours() {
            return Ok(Step::Idle);
        }
        if !self.announced && !self.announce().await? {
            return Ok(Step::Published(0));
        }
        // Another shard goes first next time.
        self.held.rotate_left(1);
        let step = self.publish().await?;
        // What was put off is next.
        Ok(match step {
            Step::Idle if reads_first && renewal_is_due => Step::Published(0),
            Step::Emptied(count) if reads_first && renewal_is_due => Step::Published(count),
            step => step,
        })
    }

    /// Rounds of reading, appending and noting at once, until nothing waits.
    async fn publish(&mut self) -> Result<Step, RelayError> {
        let mut todo = Todo::new(self.held.iter().map(|fence| fence.shard));
        let mut events = self.read_first(&mut todo).await?;
        if events.is_empty() {
            return Ok(Step::Idle);
        }
        let mut count = 0;
        loop {
            let reading = !todo.is_empty() && !self.renewal_is_due();
            if events.is_empty() && self.unnoted.is_empty() && !reading {
                break;
            }
            if !events.is_empty() && !self.surely_ours() {
                // What was read is left to whoever holds the shards by now.
                self.hints.forget();
                self.read_less();
                return Ok(Step::Published(count));
            }
            let (batch, refused) = Batch::of(events, self.settings.park_after);
            self.refuse_all(refused).await?;
            let round = self.round(&batch, &mut todo, reading).await?;
            count += round.published;
            if round.is_fenced {
                return Ok(Step::Published(count));
            }
            events = round.events;
        }
        Ok(match todo.is_empty() {
            true => Step::Emptied(count),
            false => Step::Published(count),
        })
    }

    /// The oldest events, which nothing is known to be under way of.
    async fn read_first(&mut self, todo: &mut Todo) -> Result<Vec<PendingEvent>, RelayError> {
        let places = self.places(todo, &HashSet::new());
        let limit = self.read_at_once;
        let events = read(&self.core.db, &places, limit).await?;
        self.take_note(&places, &events, limit, todo);
        Ok(events)
    }

    /// Appends a batch, notes the one before, and reads on.
    async fn round(
        &mut self,
        batch: &Batch,
        todo: &mut Todo,
        reading: bool,
    ) -> Result<Round, RelayError> {
        if self.unnoted.len() + batch.len() > self.settings.batch {
            self.note_published().await?;
        }
        let mut busy: HashSet<i16> = batch.shards().collect();
        let fences: Vec<Fence> = self.fences(&busy);
        busy.extend(self.unnoted.iter().map(|place| place.shard));
        let places = match reading {
            true => self.places(todo, &busy),
            false => Vec::new(),
        };
        let limit = self.read_at_once;
        let look_due = reading || self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        let who_appends = look_due && self.hints.wait();
        let (db, kv) = (&self.core.db, &self.core.kv);
        let (noted, appended, looked) = tokio::join!(
            note(db, &self.held, &self.unnoted),
            append(kv, &fences, batch),
            look(db, &places, limit, who_appends),
        );
        if let Ok(all) = noted {
            self.noted(all);
        }
        let accounted = self.account(batch, appended).await;
        noted?;
        let Some(published) = accounted? else {
            return Ok(Round::fenced());
        };
        let (events, open_appends) = looked?;
        self.take_note(&places, &events, limit, todo);
        if let Some(open) = open_appends {
            self.looked_at = Some(Instant::now());
            self.hints.appends_open(&open);
        }
        Ok(Round {
            events,
            published,
            is_fenced: false,
        })
    }

    fn places(&self, todo: &Todo, busy: &HashSet<i16>) -> Vec<Place> {
        let free = todo.without(busy);
        free.map(|shard| self.hints.place(shard)).collect()
    }

    fn fences(&self, shards: &HashSet<i16>) -> Vec<Fence> {
        let of_batch = |fence: &&Fence| shards.contains(&fence.shard);
        self.held.iter().filter(of_batch).copied().collect()
    }

    fn take_note(
        &mut self,
        places: &[Place],
        events: &[PendingEvent],
        limit: usize,
        todo: &mut Todo,
    ) {
        let full = events.len() >= limit;
        let found = Found {
            places,
            events,
            full,
        };
        self.hints.found(&found);
        todo.looked_at(places, events, full);
    }

    /// Takes note of what became of a batch; gives how many were published, or nothing when somebody
    /// else took a shard over.
    async fn account(
        &mut self,
        batch: &Batch,
        appended: Result<Appended, KvError>,
    ) -> Result<Option<usize>, RelayError> {
        let (entries, takes_others) = match appended {
            Ok(Appended::Tried {
                entries,
                takes_others,
            }) => (entries, takes_others),
            Ok(Appended::Fenced(fence)) => {
                self.lose(fence).await?;
                return Ok(None);
            }
            Err(error) => {
                self.failed("connection");
                self.read_less();
                return Err(error.into());
            }
        };
        if !entries.is_empty() {
            self.read_at_once = (self.read_at_once * 2).min(most_at_once(&self.settings));
        }
        let outcome = batch.outcome(entries, takes_others);
        let published = outcome.published.len();
        self.unnoted.extend(outcome.published);
        self.refuse_all(outcome.refused).await?;
        if let Some(code) = outcome.full {
            self.failed("stream_full");
            return Err(RelayError::StreamFull(code));
        }
        Ok(Some(published))
    }

    /// Notes what was published, now or by an earlier step that the database left in the lurch.
    async fn note_published(&mut self) -> Result<(), RelayError> {
        let all = note(&self.core.db, &self.held, &self.unnoted).await?;
        self.noted(all);
        Ok(())
    }

    fn noted(&mut self, all: bool) {
        if !all {
            // Somebody else has taken a shard over: what is not noted is published once more, and
            // counted by him.
            self.sure_until = None;
            self.renewed_at = None;
            self.unnoted.clear();
            return;
        }
        let noted = u64::try_from(self.unnoted.len()).unwrap_or(u64::MAX);
        if noted > 0 {
            self.published_at = Some(Instant::now());
        }
        self.unnoted.clear();
        self.core.metrics.outbox_published_total.inc_by(noted);
    }

    /// Notes refusals of single rows; connection errors never come here.
    async fn refuse_all(&mut self, refused: Vec<Refused>) -> Result<(), RelayError> {
        for row in refused {
            // Later rows of its aggregate stay where they are, perhaps below what was published.
            self.hints.forget_shard(row.origin.place.shard);
            self.refuse(&row).await?;
        }
        Ok(())
    }

    async fn refuse(&self, row: &Refused) -> Result<(), RelayError> {
        let attempts = row.origin.attempts + 1;
        let park = attempts >= self.settings.park_after;
        let delay = retry_delay(&self.settings, row.origin.attempts);
        let (pool, place) = (self.core.db.pool(), row.origin.place);
        let marked = outbox::mark_refused(pool, place, &row.reason, delay, park).await?;
        self.failed("refused");
        tracing::warn!(
            event_id = row.event_id,
            event_type = row.event_type,
            reason = row.reason,
            park,
            attempts,
            "outbox row refused"
        );
        if park && marked {
            self.core.metrics.outbox_parked_total.inc();
        }
        Ok(())
    }

    fn read_less(&mut self) {
        self.read_at_once = (self.read_at_once / 2).max(1);
    }

    fn failed(&self, reason: &str) {
        self.core
            .metrics
            .outbox_publish_failed_total
            .with_label_values(&[reason])
            .inc();
    }
}

struct Round {
    /// Read meanwhile.
    events: Vec<PendingEvent>,
    published: usize,
    /// Somebody else took a shard over.
    is_fenced: bool,
}

impl Round {
    fn fenced() -> Self {
        Self {
            events: Vec::new(),
            published: 0,
            is_fenced: true,
        }
    }
}

fn most_at_once(settings: &RelaySettings) -> usize {
    (settings.batch / 2).max(1)
}

/// What was published of shards that are no longer ours stays unpublished: see
/// [`outbox::mark_published`].
async fn note(db: &Db, held: &[Fence], published: &[PendingId]) -> Result<bool, DbError> {
    if published.is_empty() {
        return Ok(true);
    }
    let busy: HashSet<i16> = published.iter().map(|place| place.shard).collect();
    let ours = held.iter().filter(|fence| busy.contains(&fence.shard));
    let epochs: Vec<_> = ours.map(|fence| (fence.shard, fence.epoch)).collect();
    outbox::mark_published(db.pool(), &epochs, published).await
}

async fn append(kv: &Kv, fences: &[Fence], batch: &Batch) -> Result<Appended, KvError> {
    kv.append(fences, &batch.entries).await
}

async fn read(db: &Db, places: &[Place], limit: usize) -> Result<Vec<PendingEvent>, DbError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    outbox::read_batch(db.pool(), places, i64::try_from(limit).unwrap_or(i64::MAX)).await
}

/// Reads on, and then, if asked, looks who appends: in this order, see [`hints`].
async fn look(
    db: &Db,
    places: &[Place],
    limit: usize,
    who_appends: bool,
) -> Result<(Vec<PendingEvent>, Option<Vec<String>>), DbError> {
    let events = read(db, places, limit).await?;
    let open_appends = match who_appends {
        true => Some(outbox::open_appends(db.pool()).await?),
        false => None,
    };
    Ok((events, open_appends))
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
