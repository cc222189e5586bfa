//! Rows on their way to the stream.

use std::collections::{HashSet, VecDeque};

use agent_kv::{AppendError, StreamEntry};
use agent_persistence::outbox::{PendingEvent, PendingId, Place};

use super::entry;

/// Where an entry comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) place: PendingId,
    pub(super) attempts: i16,
}

/// A row that was refused, by us or by Redis.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) origin: Origin,
    pub(super) event_id: String,
    pub(super) event_type: String,
    /// A stable code.
    pub(super) reason: String,
}

/// Rows of which entries were made.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<StreamEntry>,
    /// As many, in the same order.
    pub(super) origins: Vec<Origin>,
}

impl Batch {
    /// A row that cannot be an entry is refused, and the later rows of its aggregate wait for it
    /// unless it is parked by that.
    pub(super) fn of(events: Vec<PendingEvent>, park_after: i16) -> (Self, Vec<Refused>) {
        let mut batch = Self {
            entries: Vec::with_capacity(events.len()),
            origins: Vec::with_capacity(events.len()),
        };
        let mut refused = Vec::new();
        let mut held_back = HashSet::new();
        for event in events {
            let aggregate = (event.place.shard, event.aggregate_hash);
            if held_back.contains(&aggregate) {
                continue;
            }
            let origin = Origin {
                place: event.place,
                attempts: event.attempts,
            };
            if let Err(reason) = entry::check(&event) {
                if event.attempts + 1 < park_after {
                    held_back.insert(aggregate);
                }
                refused.push(Refused {
                    origin,
                    event_id: event.event_id.to_string(),
                    event_type: event.event_type,
                    reason: reason.to_owned(),
                });
                continue;
            }
            batch.entries.push(entry::of(event));
            batch.origins.push(origin);
        }
        (batch, refused)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = i16> {
        self.origins.iter().map(|origin| origin.place.shard)
    }

    /// What became of it. A row is at fault only where Redis is known to take others: a Redis that
    /// refuses all of them, for whatever reason, must not park the whole outbox.
    pub(super) fn outcome(
        &self,
        appended: Vec<Result<(), AppendError>>,
        takes_others: bool,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for (number, appended) in appended.into_iter().enumerate() {
            let origin = self.origins[number];
            match appended {
                Ok(()) => outcome.published.push(origin.place),
                Err(AppendError::Full(code)) => outcome.full = Some(code),
                Err(AppendError::Rejected(reason)) => outcome.refused.push(Refused {
                    origin,
                    event_id: self.entries[number].event_id.clone(),
                    event_type: self.entries[number].event_type.clone(),
                    reason,
                }),
                // Never tried: an earlier event of its aggregate was refused.
                Err(AppendError::HeldBack) => {}
            }
        }
        if outcome.published.is_empty()
            && !takes_others
            && let Some(first) = outcome.refused.drain(..).next()
        {
            outcome.full.get_or_insert(first.reason);
        }
        outcome
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) published: Vec<PendingId>,
    pub(super) refused: Vec<Refused>,
    /// Why Redis takes no writes.
    pub(super) full: Option<String>,
}

/// Shards in which something may still wait, in the order of their turn.
#[derive(Debug)]
pub(super) struct Todo(VecDeque<i16>);

impl Todo {
    pub(super) fn new(shards: impl Iterator<Item = i16>) -> Self {
        Self(shards.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that nobody is busy with.
    pub(super) fn without<'a>(&'a self, busy: &'a HashSet<i16>) -> impl Iterator<Item = i16> + 'a {
        self.0.iter().copied().filter(|shard| !busy.contains(shard))
    }

    /// Crosses off what a read of some places came to the end of. A read that ended at its limit
    /// came to the end of the shards before the last one that it found something in; that one goes
    /// behind all others, so that none starves behind a busy one.
    pub(super) fn looked_at(&mut self, places: &[Place], events: &[PendingEvent], full: bool) {
        let last = events.last().map(|event| event.place.shard);
        for place in places {
            self.0.retain(|shard| *shard != place.shard);
            if full && last == Some(place.shard) {
                self.0.push_back(place.shard);
                return;
            }
        }
    }
}
