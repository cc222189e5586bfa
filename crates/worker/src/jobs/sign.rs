//! When the publishing loop last came round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agent_services::Clock;
use agent_telemetry::CheckState;
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
    /// Since when every round has failed, as `after`; [`WELL`] while it has not.
    failing: AtomicU64,
}

/// No instant.
const WELL: u64 = u64::MAX;

impl LoopSign {
    /// A sign that is given now, and good for `stale`.
    #[must_use]
    pub fn new(clock: Clock, stale: Duration) -> Self {
        let shown = Shown {
            made: Instant::now(),
            after: AtomicU64::new(0),
            at: clock.now().timestamp_micros().into(),
            shards: AtomicU32::new(0),
            failing: AtomicU64::new(WELL),
        };
        Self {
            shown: Arc::new(shown),
            clock,
            stale,
        }
    }

    /// The loop has come round, and holds so many shards.
    pub fn came_round(&self, shards: usize) {
        let after = self.micros();
        let at = self.clock.now().timestamp_micros();
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        self.shown.after.store(after, Ordering::Relaxed);
        self.shown.at.store(at, Ordering::Relaxed);
        self.shown.shards.store(shards, Ordering::Relaxed);
    }

    /// Whether the round that just ended did its work.
    pub fn did_well(&self, well: bool) {
        let failing = &self.shown.failing;
        if well {
            failing.store(WELL, Ordering::Relaxed);
        } else {
            // Fails when it was failing already: the first failure counts.
            let now = self.micros();
            let since = failing.compare_exchange(WELL, now, Ordering::Relaxed, Ordering::Relaxed);
            since.ok();
        }
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
        self.age_of(self.shown.after.load(Ordering::Relaxed)) < self.stale
    }

    /// What health says of the loop: one that hangs cannot do its work, and neither can one that
    /// has failed for as long as a sign is good.
    #[must_use]
    pub fn health(&self) -> CheckState {
        let failing = self.shown.failing.load(Ordering::Relaxed);
        if !self.is_fresh() {
            CheckState::Unhealthy
        } else if failing == WELL {
            CheckState::Ok
        } else if self.age_of(failing) < self.stale {
            CheckState::Degraded
        } else {
            CheckState::Unhealthy
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.shown.made.elapsed().as_micros()).unwrap_or(WELL - 1)
    }

    fn age_of(&self, micros: u64) -> Duration {
        let then = Duration::from_micros(micros);
        self.shown.made.elapsed().saturating_sub(then)
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

    #[test]
    fn p094_failing_for_long_is_as_bad_as_hanging() {
        let sign = LoopSign::new(Clock::system(), Duration::from_millis(40));
        assert_eq!(sign.health(), CheckState::Ok);
        sign.did_well(false);
        assert_eq!(sign.health(), CheckState::Degraded);
        std::thread::sleep(Duration::from_millis(50));
        sign.did_well(false);
        sign.came_round(1);
        assert_eq!(sign.health(), CheckState::Unhealthy);
        sign.did_well(true);
        assert_eq!(sign.health(), CheckState::Ok);
    }
}
