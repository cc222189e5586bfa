//! Where reading the outbox may begin.
//!
//! Reading from the first id on is right and, as a rule, cheap. While a transaction elsewhere is
//! open for long (a dump, a report), rows deleted since cannot be forgotten by the database, and
//! each read walks over all of them. Then most reads begin above a *floor*: an id below which no
//! unpublished row is, and none can appear.
//!
//! That none can appear is what makes the floor safe for the order within an aggregate. An id is
//! taken before its commit, so a low one may show up late; the floor is therefore raised to an id
//! only after every transaction that ran when that id was published has ended, and a look at
//! everything after that found nothing.

use std::time::{Duration, Instant};

use agent_persistence::outbox::Horizon;

/// An id, and the transaction number below which all must have ended.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    id: i64,
    ended: i64,
}

#[derive(Debug)]
pub(super) struct Floor {
    share: u32,
    every: Duration,
    id: i64,
    /// Highest id published here.
    newest: i64,
    candidate: Option<Candidate>,
    /// When everything was last looked at.
    whole_at: Option<Instant>,
    /// How long that took.
    took: Duration,
    /// Since the last renewal everything is read.
    reading_all: bool,
}

impl Floor {
    pub(super) fn new(share: u32, every: Duration) -> Self {
        Self {
            share,
            every,
            id: 0,
            newest: 0,
            candidate: None,
            whole_at: None,
            took: Duration::ZERO,
            reading_all: true,
        }
    }

    /// A renewal begins; gives the id above which it is to look.
    pub(super) fn begin(&mut self, now: Instant) -> i64 {
        let pause = self.took.saturating_mul(self.share).min(self.every);
        let due = |at| now.saturating_duration_since(at) >= pause;
        self.reading_all = self.whole_at.is_none_or(due);
        if self.reading_all {
            self.whole_at = Some(now);
        }
        self.after()
    }

    /// The id above which reads look until the next renewal.
    pub(super) fn after(&self) -> i64 {
        if self.reading_all { 0 } else { self.id }
    }

    /// A renewal ended and found work, or none.
    pub(super) fn renewed(&mut self, took: Duration, has_work: bool, horizon: Horizon) {
        if !self.reading_all {
            return;
        }
        self.took = took;
        if has_work {
            return;
        }
        if let Some(candidate) = self.candidate {
            if horizon.oldest_running < candidate.ended {
                return;
            }
            self.id = candidate.id;
        }
        self.candidate = Some(Candidate {
            id: self.newest,
            ended: horizon.own,
        });
    }

    pub(super) fn published(&mut self, id: i64) {
        self.newest = self.newest.max(id);
    }

    /// Other shards are ours now, about which nothing is known.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.share, self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn horizon(own: i64, oldest_running: i64) -> Horizon {
        Horizon {
            own,
            oldest_running,
        }
    }

    const SLOW: Duration = Duration::from_secs(1);
    const QUICK: Duration = Duration::from_millis(1);

    /// A floor whose passes are slow, as it is after a renewal at `at` that found nothing.
    fn renew(floor: &mut Floor, at: Instant, horizon: Horizon) -> i64 {
        let after = floor.begin(at);
        floor.renewed(SLOW, false, horizon);
        after
    }

    #[test]
    fn q94_quick_passes_always_look_at_everything() {
        let mut floor = Floor::new(20, Duration::from_secs(30));
        floor.published(7);
        for second in 1..5 {
            let at = Instant::now() + Duration::from_secs(second);
            assert_eq!(floor.begin(at), 0);
            floor.renewed(
                QUICK,
                false,
                horizon(10 + i64::try_from(second).unwrap(), 100),
            );
            assert_eq!(floor.after(), 0);
        }
    }

    #[test]
    fn q94_the_floor_rises_only_when_all_earlier_transactions_have_ended() {
        let mut floor = Floor::new(20, Duration::from_secs(30));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        floor.published(7);
        renew(&mut floor, later(0), horizon(100, 90));
        // A transaction with a number below 100 still runs: it may commit a row below 7.
        floor.published(9);
        renew(&mut floor, later(40), horizon(110, 99));
        assert_eq!(floor.begin(later(41)), 0);
        renew(&mut floor, later(80), horizon(120, 100));
        assert_eq!(floor.begin(later(81)), 7);
        // Now 9 waits for everything below 120.
        renew(&mut floor, later(120), horizon(130, 120));
        assert_eq!(floor.begin(later(121)), 9);
    }

    #[test]
    fn q94_work_that_was_found_leaves_the_floor_where_it_is() {
        let mut floor = Floor::new(20, Duration::from_secs(30));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        floor.published(7);
        renew(&mut floor, later(0), horizon(100, 100));
        floor.begin(later(40));
        floor.renewed(SLOW, true, horizon(110, 110));
        assert_eq!((floor.after(), floor.begin(later(41))), (0, 0));
    }

    #[test]
    fn other_shards_are_looked_at_from_the_start() {
        let mut floor = Floor::new(20, Duration::from_secs(30));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        floor.published(7);
        for pass in 0..3 {
            renew(&mut floor, later(40 * pass), horizon(100, 100));
        }
        assert_eq!(floor.begin(later(81)), 7);
        floor.forget();
        assert_eq!((floor.after(), floor.begin(later(82))), (0, 0));
    }
}
