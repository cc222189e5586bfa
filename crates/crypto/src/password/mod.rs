//! Passwords: Argon2id in a bounded pool off the async threads.
//!
//! A flood of logins may fill the pool and its queue, and is then refused at once
//! ([`PasswordError::Busy`]); it never occupies the threads that answer other requests.

mod pool;
mod scheme;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use zeroize::Zeroizing;

use crate::observer::PiiObserver;
use pool::{Permit, Pool};
use scheme::{MAX_PASSWORD_BYTES, Scheme, Verdict};

/// Cost of one Argon2id hash (RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Default for Argon2Cost {
    /// 19 MiB, two passes, one lane: OWASP's minimum for Argon2id.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
        }
    }
}

/// What the pipeline is made of.
#[derive(Clone)]
pub struct PasswordSettings {
    /// `PASSWORD_SALT` as bytes. Changing it invalidates every stored hash.
    pub salt: Zeroizing<Vec<u8>>,
    pub cost: Argon2Cost,
    /// Hashes computed at the same time.
    pub workers: usize,
    /// Callers that may wait beside those at work.
    pub queue: usize,
}

impl fmt::Debug for PasswordSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSettings")
            .field("cost", &self.cost)
            .field("workers", &self.workers)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// The pipeline cannot be built from its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordConfigError {
    #[error("password pool needs at least one worker")]
    NoWorker,
    #[error("Argon2 cost is out of range")]
    Cost,
}

/// Why nothing was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// All workers are busy and the queue is full: answer 503 with `Retry-After`.
    #[error("password pool is full")]
    Busy,
    /// A new password beyond 1024 bytes; validation refuses it long before.
    #[error("password is too long")]
    TooLong,
    /// No memory for Argon2, or the runtime is shutting down.
    #[error("password hash could not be computed")]
    Failed,
}

/// Why [`PasswordPipeline::verify_guarded`] gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardedError<E> {
    /// The check before hashing said no; nothing was hashed.
    #[error("refused before hashing")]
    Refused(E),
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// Answer of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCheck {
    pub matches: bool,
    /// The password matches and its stored hash should be replaced by a new one: legacy form
    /// or less cost than configured. Never set without `matches`.
    pub rehash: bool,
}

/// Hashes and verifies passwords and payout PINs.
pub struct PasswordPipeline {
    scheme: Arc<Scheme>,
    pool: Pool,
    observer: Arc<dyn PiiObserver>,
}

impl PasswordPipeline {
    /// # Errors
    /// No worker, or a cost that Argon2 or the upper bounds (256 MiB, 16 passes, 8 lanes)
    /// do not allow.
    pub fn new(
        settings: PasswordSettings,
        observer: Arc<dyn PiiObserver>,
    ) -> Result<Self, PasswordConfigError> {
        if settings.workers == 0 {
            return Err(PasswordConfigError::NoWorker);
        }
        let pool = Pool::new(settings.workers, settings.queue);
        let scheme = Arc::new(Scheme::new(settings.salt, settings.cost)?);
        Ok(Self {
            scheme,
            pool,
            observer,
        })
    }

    /// A new Argon2id PHC string.
    ///
    /// # Errors
    /// [`PasswordError`]; dropping the future is safe at any point.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        let permit = self.pool.enter().await?;
        let scheme = Arc::clone(&self.scheme);
        let password = Zeroizing::new(password.to_owned());
        let hashed = Pool::run(permit, move || scheme.hash(&password)).await?;
        hashed.ok_or(PasswordError::Failed)
    }

    /// Compares `password` with a stored hash; `None` is an unknown user. All of them take
    /// the time of one Argon2, also a legacy hash, an unknown shape or a password beyond
    /// 1024 bytes (which never matches).
    ///
    /// # Errors
    /// [`PasswordError`]; dropping the future is safe at any point.
    pub async fn verify(
        &self,
        stored: Option<&str>,
        password: &str,
    ) -> Result<PasswordCheck, PasswordError> {
        let permit = self.pool.enter().await?;
        self.verify_with(permit, stored, password).await
    }

    /// As [`Self::verify`], with a check that runs once a worker is held and right before
    /// hashing, and may refuse. A limiter counts here, so that callers still in the queue have
    /// not been counted and none is hashed past its limit.
    ///
    /// # Errors
    /// What `before` refused with, or [`PasswordError`].
    pub async fn verify_guarded<F, Fut, E>(
        &self,
        stored: Option<&str>,
        password: &str,
        before: F,
    ) -> Result<PasswordCheck, GuardedError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let permit = self.pool.enter().await?;
        before().await.map_err(GuardedError::Refused)?;
        Ok(self.verify_with(permit, stored, password).await?)
    }

    /// The legacy form of a password, 64 hex digits, for demo data and tests. **Fixture
    /// only**: it is never written for a real account.
    #[must_use]
    pub fn legacy_hash_for_fixture(salt: &[u8], password: &str) -> String {
        hex::encode(scheme::legacy_digest(salt, password))
    }

    async fn verify_with(
        &self,
        permit: Permit,
        stored: Option<&str>,
        password: &str,
    ) -> Result<PasswordCheck, PasswordError> {
        let scheme = Arc::clone(&self.scheme);
        let stored = stored.map(str::to_owned);
        let password = Zeroizing::new(password.to_owned());
        let verdict =
            Pool::run(permit, move || scheme.verify(stored.as_deref(), &password)).await?;
        if verdict == Verdict::UnknownShape {
            self.observer.unknown_password_shape();
        }
        Ok(match verdict {
            Verdict::Match { outdated } => PasswordCheck {
                matches: true,
                rehash: outdated,
            },
            Verdict::NoMatch | Verdict::UnknownShape => PasswordCheck {
                matches: false,
                rehash: false,
            },
        })
    }
}
