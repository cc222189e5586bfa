//! What every process of the product works with.

use std::{future::Future, sync::Arc};

use agent_domain::Problem;
use agent_kv::Kv;
use agent_persistence::{Db, DbError, Tx, error::DbErrorKind};
use agent_telemetry::Metrics;

use crate::{clock::Clock, wake::WakeSignal};

/// Times a transaction is tried when Postgres reports a deadlock or a serialization failure.
const ATTEMPTS: usize = 3;

/// Database, Redis, clock, metrics, and the signal that wakes the relay.
#[derive(Clone)]
pub struct Core {
    pub db: Db,
    pub kv: Kv,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub wake: WakeSignal,
}

impl Core {
    /// Commits, and wakes the relay if events were appended. The signal goes out after the
    /// commit: inside the transaction it would cost two thirds of the write rate.
    ///
    /// # Errors
    /// The commit failed.
    pub async fn commit(&self, tx: Tx) -> Result<(), DbError> {
        let committed = tx.commit().await?;
        if committed.events > 0 {
            self.wake.signal();
        }
        Ok(())
    }
}

/// Why a use case stopped within its transaction.
#[derive(Debug)]
pub enum Stopped {
    /// A rule refused it; trying again would not help.
    Refused(Problem),
    /// Postgres failed.
    Database(DbError),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<DbError> for Stopped {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(problem) => problem,
            Stopped::Database(error) => error.into(),
        }
    }
}

/// Runs a whole transaction, and again when Postgres had to break a deadlock: the client never
/// sees one.
///
/// # Errors
/// What the last attempt ended with.
pub async fn retrying<T, Fut>(mut attempt: impl FnMut() -> Fut) -> Result<T, Problem>
where
    Fut: Future<Output = Result<T, Stopped>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(Stopped::Database(error))
                if error.kind() == DbErrorKind::Retryable && tries < ATTEMPTS =>
            {
                tracing::info!(%error, tries, "transaction is tried again");
                tries += 1;
            }
            outcome => return Ok(outcome?),
        }
    }
}
