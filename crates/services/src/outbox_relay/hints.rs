//! Where reading a shard may begin.
//!
//! Reading from the first id on is always right. But rows deleted since are still there, as far as
//! the database is concerned, while a transaction elsewhere is open (a dump, a report), and each
//! read would walk over all of them: draining a backlog would take time by its square. So a shard
//! is read above a *hint*: an id below which no unpublished row is, and none will appear whose
//! aggregate could be overtaken by it.
//!
//! Ids are taken before the commit, so a row below a known id may show up late. Which ones can is
//! known: a transaction that appends holds a lock on the outbox from before it takes an id until
//! its end ([`open_appends`](agent_persistence::outbox::open_appends)). A hint is raised to an id
//! `L` in three steps, each by what is seen *after* the step before:
//!
//! 1. a read reached `L`; afterwards the open appends are noted;
//! 2. none of them is open any more;
//! 3. a read from the old hint began after that and reached `L` again, or found nothing below it.
//!
//! Whatever was not visible in step 1 has ended by step 2 and was seen in step 3, before anything
//! is read above `L`. Transactions that do not append delay no step.
//!
//! Rows that wait for a retry stay below their successors, so a shard that has some has no hint.
//! Parked rows that are tried again by hand carry no promise of order; they are found because now and
//! then everything is forgotten and read from the first id on. A replay takes the shards over, and
//! whoever has them afterwards begins with the first id.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use agent_persistence::outbox::{PendingEvent, Place};

#[derive(Debug, Default)]
struct Shard {
    hint: i64,
    candidate: Option<Candidate>,
}

/// An id to which the hint may rise.
#[derive(Debug)]
struct Candidate {
    id: i64,
    waits_for: WaitsFor,
}

#[derive(Debug)]
enum WaitsFor {
    /// The open appends are not known yet.
    Look,
    /// These were open, and one of them still is.
    End(Vec<String>),
    /// All of them have ended: one more read from the old hint.
    Read,
}

/// What the read of some places found.
pub(super) struct Found<'a> {
    pub(super) places: &'a [Place],
    pub(super) events: &'a [PendingEvent],
    /// The read ended at its limit: the last shard with events may have more, and those after it
    /// were not looked at.
    pub(super) full: bool,
}

#[derive(Debug)]
pub(super) struct Hints {
    share: u32,
    every: Duration,
    shards: HashMap<i16, Shard>,
    /// When everything was last looked at.
    whole_at: Option<Instant>,
    /// How long that took.
    took: Duration,
    looking_at_all: bool,
}

impl Hints {
    /// Looking at everything takes at most one part in `share` of the time, but is done at least
    /// once in `every`.
    pub(super) fn new(share: u32, every: Duration) -> Self {
        Self {
            share,
            every,
            shards: HashMap::new(),
            whole_at: None,
            took: Duration::ZERO,
            looking_at_all: true,
        }
    }

    /// A renewal begins, and looks for work: everywhere, when that is due.
    pub(super) fn begin(&mut self, now: Instant) {
        let pause = self.took.saturating_mul(self.share).min(self.every);
        let due = |at| now.saturating_duration_since(at) >= pause;
        self.looking_at_all = self.whole_at.is_none_or(due);
        if self.looking_at_all {
            self.whole_at = Some(now);
        }
    }

    /// A renewal ended, and found work in these shards. Where everything was looked at, it may be
    /// below the hint.
    pub(super) fn renewed(&mut self, took: Duration, with_work: impl Iterator<Item = i16>) {
        if self.looking_at_all {
            self.took = took;
            with_work.for_each(|shard| self.forget_shard(shard));
        }
    }

    /// Where a renewal that has begun looks for work; from the first id on elsewhere.
    pub(super) fn places(&self) -> Vec<Place> {
        if self.looking_at_all {
            return Vec::new();
        }
        let place = |(shard, known): (&i16, &Shard)| Place {
            shard: *shard,
            after: known.hint,
        };
        self.shards.iter().map(place).collect()
    }

    /// Where to read a shard.
    pub(super) fn place(&self, shard: i16) -> Place {
        let after = self.shards.get(&shard).map_or(0, |known| known.hint);
        Place { shard, after }
    }

    /// Everything is read from the first id on: something failed, or the shards changed.
    pub(super) fn forget(&mut self) {
        self.shards.clear();
    }

    pub(super) fn forget_shard(&mut self, shard: i16) {
        self.shards.remove(&shard);
    }

    /// Takes note of what a read found. Its events have to be published before anything is read
    /// of their shards again, or all has to be forgotten.
    pub(super) fn found(&mut self, found: &Found<'_>) {
        let mut events = found.events;
        for place in found.places {
            let same = |event: &PendingEvent| event.place.shard == place.shard;
            let count = events.iter().take_while(|event| same(event)).count();
            let (of_shard, rest) = events.split_at(count);
            events = rest;
            let cut = found.full && events.is_empty();
            if of_shard.is_empty() && cut {
                // Not looked at, and neither were the ones after it.
                return;
            }
            self.reached(place.shard, of_shard, cut);
        }
    }

    fn reached(&mut self, shard: i16, events: &[PendingEvent], cut: bool) {
        if events.iter().any(|event| event.shard_retries) {
            self.shards.remove(&shard);
            return;
        }
        let known = self.shards.entry(shard).or_default();
        let last = events.last().map(|event| event.place.id);
        if let Some(candidate) = &known.candidate {
            let again = !cut || last >= Some(candidate.id);
            if !again || !matches!(candidate.waits_for, WaitsFor::Read) {
                return;
            }
            known.hint = candidate.id;
            known.candidate = None;
        }
        if let Some(id) = last {
            known.candidate = Some(Candidate {
                id,
                waits_for: WaitsFor::Look,
            });
        }
    }

    /// Whether it is of use to look at the open appends.
    pub(super) fn wait(&self) -> bool {
        let waits = |known: &Shard| {
            let candidate = known.candidate.as_ref();
            candidate.is_some_and(|candidate| !matches!(candidate.waits_for, WaitsFor::Read))
        };
        self.shards.values().any(waits)
    }

    /// These appends are open now: looked at after every read that was [`Self::found`].
    pub(super) fn appends_open(&mut self, open: &[String]) {
        for known in self.shards.values_mut() {
            let Some(candidate) = &mut known.candidate else {
                continue;
            };
            match &mut candidate.waits_for {
                WaitsFor::Look if open.is_empty() => candidate.waits_for = WaitsFor::Read,
                WaitsFor::Look => candidate.waits_for = WaitsFor::End(open.to_vec()),
                WaitsFor::End(awaited) => {
                    awaited.retain(|transaction| open.contains(transaction));
                    if awaited.is_empty() {
                        candidate.waits_for = WaitsFor::Read;
                    }
                }
                WaitsFor::Read => {}
            }
        }
    }
}
