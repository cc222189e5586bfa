//! When the publishing loop last came round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agent_services::Clock;
use chrono::{DateTime, Utc};

/// Shared between the loop and whoever watches it.
#[derive(Clone, Debug)]
pub struct LoopSign {
    shown: Arc<Shown>,
    clock: Clock,
    stale: Duration,
}

#[derive(Debug)]
struct Shown {
    made: Instant,
    /// Microseconds between `made` and the last round. Its age is measured by a clock that
    /// nobody sets: one that is set back would make a hanging loop look alive.
    after: AtomicU64,
    /// The same instant for people, in microseconds since 1970.
    at: AtomicI64,
    shards: AtomicU32,
}

impl LoopSign {
    /// A sign that is given now, and good for `stale`.
    #[must_use]
    pub fn new(clock: Clock, stale: Duration) -> Self {
        let shown = Shown {
            made: Instant::now(),
            after: AtomicU64::new(0),
            at: clock.now().timestamp_micros().into(),
            shards: AtomicU32::new(0),
        };
        Self {
            shown: Arc::new(shown),
            clock,
            stale,
        }
    }

    /// The loop has come round, and holds so many shards.
    pub fn came_round(&self, shards: usize) {
        let after = u64::try_from(self.shown.made.elapsed().as_micros()).unwrap_or(u64::MAX);
        let at = self.clock.now().timestamp_micros();
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        self.shown.after.store(after, Ordering::Relaxed);
        self.shown.at.store(at, Ordering::Relaxed);
        self.shown.shards.store(shards, Ordering::Relaxed);
    }

    #[must_use]
    pub fn last(&self) -> DateTime<Utc> {
        let at = self.shown.at.load(Ordering::Relaxed);
        DateTime::from_timestamp_micros(at).unwrap_or_default()
    }

    #[must_use]
    pub fn shards(&self) -> u32 {
        self.shown.shards.load(Ordering::Relaxed)
    }

    /// How long a sign is good.
    #[must_use]
    pub fn stale(&self) -> Duration {
        self.stale
    }

    /// Whether the loop has come round in time (P-094).
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let after = Duration::from_micros(self.shown.after.load(Ordering::Relaxed));
        self.shown.made.elapsed().saturating_sub(after) < self.stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p094_a_sign_goes_stale_whatever_the_clock_says() {
        let clock = Clock::system();
        let sign = LoopSign::new(clock.clone(), Duration::from_millis(40));
        assert!(sign.is_fresh());
        clock.advance(chrono::Duration::hours(1));
        assert!(sign.is_fresh());
        clock.advance(chrono::Duration::hours(-2));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!sign.is_fresh());
        sign.came_round(3);
        assert!(sign.is_fresh());
        assert_eq!(sign.shards(), 3);
    }
}
