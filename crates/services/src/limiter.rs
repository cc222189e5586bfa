//! Limits on guessing and on what one agent writes, held across instances in Redis (Q-71, Q-86,
//!
//!
//! An attempt is counted *before* it is evaluated and given back when it turns out right, so that
//! however many guesses arrive at once, no more than the limit is ever evaluated.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use agent_domain::Problem;
use agent_kv::{Verdict, Window, keys};
use moka::{Expiry, sync::Cache};
use tokio::sync::{Mutex, MutexGuard};

use crate::core::Core;

/// Attempts within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub attempts: u32,
    pub window: Duration,
}

/// The numbers of every limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub login_per_username: Limit,
    pub login_per_source: Limit,
    pub payout_password: Limit,
    /// Agents that one agent makes: each costs a password hash.
    pub sub_adds: Limit,
    /// Passwords that one agent sets for its subs: each costs two hashes.
    pub sub_resets: Limit,
    /// Changes by one agent that leave audit rows and events behind.
    pub changes: Limit,
    /// Codes for one contact, and asked for under one name.
    pub code_contact: Limit,
    pub code_contact_day: Limit,
    /// Codes asked for by one client address.
    pub code_source: Limit,
    /// Refused codes and tokens of one client address: bounds what they write.
    pub recovery_refusals: Limit,
    /// Codes of one brand: bounds the bill.
    pub code_brand: Limit,
}

/// What is counted. The keyed hash stands for the name, address or agent.
#[derive(Clone, Debug)]
pub struct Counted {
    purpose: &'static str,
    digest: [u8; 32],
    limit: Limit,
}

impl Counted {
    #[must_use]
    pub fn new(purpose: &'static str, digest: [u8; 32], limit: Limit) -> Self {
        Self {
            purpose,
            digest,
            limit,
        }
    }

    fn window(&self) -> Window {
        Window {
            key: keys::limit(self.purpose, &self.digest),
            limit: self.limit.attempts,
            seconds: self.limit.window.as_secs().max(1),
        }
    }
}

/// What happens to attempts while Redis is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutRedis {
    /// Count in this process by the same numbers (sign-in, changes by one agent).
    CountLocally,
    /// Refuse with 503 (codes and short PINs).
    Refuse,
}

/// Serialises attempts on one account within this process: attempts that are being evaluated then
/// never make a correct one look like one too many.
const STRIPES: usize = 256;

pub struct Limiter {
    core: Core,
    limits: Limits,
    stripes: Vec<Mutex<()>>,
    local: Cache<String, Arc<LocalCount>>,
}

/// Attempts that this process counted, for as long as their window.
struct LocalCount {
    attempts: AtomicU32,
    window: Duration,
}

/// Each count ends with its own window.
struct EndOfWindow;

impl Expiry<String, Arc<LocalCount>> for EndOfWindow {
    fn expire_after_create(
        &self,
        _key: &String,
        count: &Arc<LocalCount>,
        _created_at: Instant,
    ) -> Option<Duration> {
        Some(count.window)
    }
}

impl Limiter {
    #[must_use]
    pub fn new(core: Core, limits: Limits) -> Self {
        Self {
            core,
            limits,
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            local: Cache::builder()
                .max_capacity(100_000)
                .expire_after(EndOfWindow)
                .build(),
        }
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Waits for its turn among the attempts on the same account.
    pub async fn turn(&self, account: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0);
        self.stripes[stripe].lock().await
    }

    /// Refuses at once what is already over a limit, without counting.
    ///
    /// # Errors
    /// `rate_limited`, or `unavailable` while Redis is away and `without` says so.
    pub async fn peek(&self, counted: &[Counted], without: WithoutRedis) -> Result<(), Problem> {
        let windows: Vec<Window> = counted.iter().map(Counted::window).collect();
        match self.core.kv.peek(&windows).await {
            Ok(verdict) => self.judge(counted, verdict),
            Err(error) => self.without_redis(counted, without, error, |limiter| {
                limiter.locally_full(counted)
            }),
        }
    }

    /// Counts an attempt before it is evaluated.
    ///
    /// # Errors
    /// As [`Self::peek`].
    pub async fn reserve(&self, counted: &[Counted], without: WithoutRedis) -> Result<(), Problem> {
        let windows: Vec<Window> = counted.iter().map(Counted::window).collect();
        match self.core.kv.reserve(&windows).await {
            Ok(verdict) => self.judge(counted, verdict),
            Err(error) => self.without_redis(counted, without, error, |limiter| {
                !limiter.count_locally(counted)
            }),
        }
    }

    /// Gives an attempt back that turned out right. When Redis fails now the attempt stays
    /// counted, which errs on the safe side.
    pub async fn refund(&self, counted: &[Counted]) {
        let windows: Vec<Window> = counted.iter().map(Counted::window).collect();
        if let Err(error) = self.core.kv.refund(&windows).await {
            self.core
                .metrics
                .tolerated_errors_total
                .with_label_values(&["limit_refund"])
                .inc();
            tracing::debug!(%error, "attempt stays counted");
        }
        self.give_back_locally(counted);
    }

    fn judge(&self, counted: &[Counted], verdict: Verdict) -> Result<(), Problem> {
        match verdict {
            Verdict::Granted => Ok(()),
            Verdict::Refused { retry_after } => Err(self.refused(counted, retry_after)),
        }
    }

    fn refused(&self, counted: &[Counted], retry_after: Duration) -> Problem {
        let purpose = counted.first().map_or("none", |one| one.purpose);
        self.core
            .metrics
            .rate_limited_total
            .with_label_values(&[purpose])
            .inc();
        Problem::rate_limited(retry_after)
    }

    fn without_redis(
        &self,
        counted: &[Counted],
        without: WithoutRedis,
        error: agent_kv::KvError,
        locally_full: impl FnOnce(&Self) -> bool,
    ) -> Result<(), Problem> {
        if without == WithoutRedis::Refuse {
            return Err(Problem::unavailable(error));
        }
        let purpose = counted.first().map_or("none", |one| one.purpose);
        self.core
            .metrics
            .limiter_fallback_total
            .with_label_values(&[purpose])
            .inc();
        tracing::warn!(%error, limit = purpose, "counting in this process");
        if locally_full(self) {
            let longest = counted.iter().map(|one| one.limit.window).max();
            return Err(self.refused(counted, longest.unwrap_or_default()));
        }
        Ok(())
    }

    fn locally_full(&self, counted: &[Counted]) -> bool {
        counted.iter().any(|one| {
            let count = self.local.get(&one.window().key);
            count.is_some_and(|count| count.attempts.load(Ordering::Relaxed) >= one.limit.attempts)
        })
    }

    /// Counts in all or, when one is full, in none; tells whether it did. Each counter is tested
    /// and raised in one step: attempts at once on several threads do not pass a limit together.
    fn count_locally(&self, counted: &[Counted]) -> bool {
        for (index, one) in counted.iter().enumerate() {
            let count = self.local.get_with(one.window().key, || {
                Arc::new(LocalCount {
                    attempts: AtomicU32::new(0),
                    window: one.limit.window,
                })
            });
            let raise = |count: u32| (count < one.limit.attempts).then_some(count + 1);
            if count
                .attempts
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise)
                .is_err()
            {
                self.give_back_locally(&counted[..index]);
                return false;
            }
        }
        true
    }

    fn give_back_locally(&self, counted: &[Counted]) {
        for one in counted {
            if let Some(count) = self.local.get(&one.window().key) {
                let lower = |count: u32| count.checked_sub(1);
                // `Err` means that nothing was counted here: nothing to give back.
                count
                    .attempts
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, lower)
                    .ok();
            }
        }
    }
}
