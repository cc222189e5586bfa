//! Connections that are kept, and lent for a statement or a transaction.
//!
//! sqlx has a pool of its own. It asks the server after each use whether the connection still
//! lives, which is a round trip beside each statement, and hands out the connection that rested
//! longest, so that every server process is woken in turn and none finds its caches warm. Here
//! the connection that came back last goes out first, and one is asked only when there is
//! doubt: after an error, after a use that was broken off, and after a pause.

mod connector;
mod executor;
mod loan;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool::managed::{self, PoolError, QueueMode};
use sqlx::{Connection as _, postgres::PgConnectOptions};
use tokio::time::timeout;

use connector::{Connector, is_kept};
pub(crate) use loan::Loan;

/// Longest wait for connections that are to be closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Takes single statements, each on a connection of its own; see [`crate::Db::begin`] for more
/// than one.
#[derive(Clone)]
pub struct Pool {
    connections: managed::Pool<Connector>,
    acquire_timeout: Duration,
    /// When it was last looked for connections that nobody needs.
    tidied_at: Arc<Mutex<Instant>>,
}

impl Pool {
    /// Connects when first asked.
    ///
    /// # Errors
    /// Never for a valid size; the error is the library's.
    pub(crate) fn new(
        options: PgConnectOptions,
        max_connections: u32,
        acquire_timeout: Duration,
    ) -> Result<Self, sqlx::Error> {
        let size = usize::try_from(max_connections).unwrap_or(usize::MAX);
        let connections = managed::Pool::builder(Connector::new(options))
            .max_size(size)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        Ok(Self {
            connections,
            acquire_timeout,
            tidied_at: Arc::new(Mutex::new(Instant::now())),
        })
    }

    /// A connection, to be used by one task for a while.
    pub(crate) async fn lend(&self) -> Result<Loan, sqlx::Error> {
        self.tidy();
        let lent = timeout(self.acquire_timeout, self.connections.get()).await;
        match lent.map_err(|_| sqlx::Error::PoolTimedOut)? {
            Ok(connection) => Ok(Loan::new(connection)),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Closed) => Err(sqlx::Error::PoolClosed),
            Err(other) => Err(sqlx::Error::Configuration(other.to_string().into())),
        }
    }

    /// Now and then closes what nobody used for long: the last in is the first out, so the others may
    /// never be asked for again.
    fn tidy(&self) {
        {
            let mut at = self
                .tidied_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if at.elapsed() < TIDY_EVERY {
                return;
            }
            *at = Instant::now();
        }
        self.connections.retain(|_, metrics| is_kept(&metrics));
    }

    /// Connections: (in use, idle).
    pub(crate) fn connections(&self) -> (u32, u32) {
        let status = self.connections.status();
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let used = status.size.saturating_sub(status.available);
        (number(used), number(status.available))
    }

    /// Takes leave of the server on every idle connection; those in use end when they come back.
    /// False when the server did not let go of all in time.
    pub(crate) async fn close(&self) -> bool {
        let idle = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        let farewells = idle.into_iter().map(|kept| kept.connection.close());
        let all = futures_util::future::join_all(farewells);
        timeout(CLOSE_WITHIN, all).await.is_ok()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold a password.
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
