//! Bounded concurrency for hashing: so many at work, so many waiting, the rest refused.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PasswordError;

/// Two counters: whoever is inside at all, and whoever is at work.
pub(super) struct Pool {
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

/// The right to hash once. Given back when dropped, so that a cancelled caller, waiting or
/// not, leaves nothing behind.
pub(super) struct Permit {
    _admitted: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(workers: usize, queue: usize) -> Self {
        let inside = workers.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            admitted: Arc::new(Semaphore::new(inside)),
            working: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Waits for a turn, in order of arrival; refused at once when the queue is full.
    pub(super) async fn enter(&self) -> Result<Permit, PasswordError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| PasswordError::Busy)?;
        let working = Arc::clone(&self.working)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Failed)?;
        Ok(Permit {
            _admitted: admitted,
            _working: working,
        })
    }

    /// Runs `work` on a blocking thread. The permit goes with it: a caller that stops waiting
    /// does not free a place that is still being used.
    pub(super) async fn run<T: Send + 'static>(
        permit: Permit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        task.await.map_err(|_| PasswordError::Failed)
    }
}
