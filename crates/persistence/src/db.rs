//! The connection pool and the rights it works with (Q-93).

use std::{str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;

use crate::{error::DbError, pool::Pool, tx::Tx};

/// Begins a read-only transaction whose statements all see the same instant.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How to reach Postgres, and the limits every statement runs under.
#[derive(Clone)]
pub struct DbSettings {
    /// Holds a password: never logged.
    pub url: String,
    pub max_connections: u32,
    pub acquire_timeout: Duration,
    pub statement_timeout: Duration,
    /// In place of `statement_timeout` for [`Db::report`].
    pub report_timeout: Duration,
    pub lock_timeout: Duration,
    pub idle_in_transaction_timeout: Duration,
    /// At least one: without a cache statements are prepared anew each time and never given up.
    pub statement_cache: usize,
    pub application_name: &'static str,
}

/// The pool.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
    report_timeout: Duration,
}

/// What the effective role may do beyond its work.
#[derive(Debug, Clone)]
pub struct RoleReport {
    pub role: String,
    /// Rights that should be withheld but are not; empty when all is well.
    pub excess: Vec<String>,
}

impl Db {
    /// Makes the pool without connecting: the service boots, and says that it is not ready, while
    /// Postgres is away.
    ///
    /// # Errors
    /// The URL cannot be read (its text is not repeated).
    pub fn open(settings: &DbSettings) -> Result<Self, DbError> {
        Self::open_with(settings, &[])
    }

    /// As [`Self::open`], for a process that works on queues. A queue is full or empty within a
    /// second, far quicker than what the planner knows of it; a plan made for an empty queue reads
    /// a full one from end to end for each batch. Here plans go by indexes, whatever the guess.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_for_queues(settings: &DbSettings) -> Result<Self, DbError> {
        Self::open_with(
            settings,
            &[("enable_seqscan", "off"), ("enable_bitmapscan", "off")],
        )
    }

    fn open_with(
        settings: &DbSettings,
        planning: &[(&'static str, &'static str)],
    ) -> Result<Self, DbError> {
        let milliseconds = |time: Duration| time.as_millis().to_string();
        let options = PgConnectOptions::from_str(&settings.url)?
            .application_name(settings.application_name)
            .statement_cache_capacity(settings.statement_cache)
            .options([
                (
                    "statement_timeout",
                    milliseconds(settings.statement_timeout),
                ),
                ("lock_timeout", milliseconds(settings.lock_timeout)),
                (
                    "idle_in_transaction_session_timeout",
                    milliseconds(settings.idle_in_transaction_timeout),
                ),
                ("timezone", "UTC".to_owned()),
                // Compiling takes longer than the statements that are sent here, however dear the
                // planner thinks them.
                ("jit", "off".to_owned()),
                // A statement that nobody waits for any more ends, and does not count beside the
                // connections that took its place.
                ("client_connection_check_interval", "1s".to_owned()),
            ])
            .options(planning.iter().copied());
        let pool = Pool::new(options, settings.max_connections, settings.acquire_timeout)?;
        Ok(Self {
            pool,
            report_timeout: settings.report_timeout,
        })
    }

    /// For reads in single statements.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Begins a transaction (READ COMMITTED).
    ///
    /// # Errors
    /// No connection in time.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Tx::begin(&self.pool, "BEGIN").await
    }

    /// Begins a read-only transaction whose statements all see the same instant.
    ///
    /// # Errors
    /// No connection in time.
    pub async fn snapshot(&self) -> Result<Tx, DbError> {
        Tx::begin(&self.pool, SNAPSHOT).await
    }

    /// As [`Self::snapshot`], for statements that read months of rows. They may take longer, and
    /// each is planned for its own agent and days: what is best for one is many times slower
    /// for another, and planning costs nothing beside it.
    ///
    /// # Errors
    /// No connection in time.
    pub async fn report(&self) -> Result<Tx, DbError> {
        Tx::begin(&self.pool, report_of(self.report_timeout)).await
    }

    /// As [`Self::report`], for rows that are passed on while a client takes them: a statement, and
    /// a pause between two, may last for `longest`.
    ///
    /// A connection that is dropped in the middle of a statement is closed. Given back it would
    /// first read all that the statement still finds; closed, the server sees within a second that
    /// nobody waits, even before the first row.
    ///
    /// # Errors
    /// No connection in time.
    pub async fn export(&self, longest: Duration) -> Result<Tx, DbError> {
        let statement = format!(
            "{}; SET LOCAL idle_in_transaction_session_timeout = {}",
            report_of(longest),
            longest.as_millis(),
        );
        let mut tx = Tx::begin(&self.pool, statement).await?;
        tx.close_unless_ended();
        Ok(tx)
    }

    /// One trivial round trip.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query_scalar!(r#"SELECT 1 AS "one!""#)
            .fetch_one(&self.pool)
            .await?;
        Ok(())
    }

    /// What the effective role may do that it should not (Q-93).
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn role_report(&self) -> Result<RoleReport, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT current_user::text AS "role!",
                   (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "superuser!",
                   has_table_privilege('admin_audit', 'UPDATE, DELETE, TRUNCATE') AS "audit!",
                   has_table_privilege('recovery_audit', 'UPDATE, DELETE, TRUNCATE') AS "recovery!",
                   has_table_privilege('agent_ledger', 'UPDATE, DELETE, TRUNCATE') AS "ledger!",
                   has_table_privilege('agent_brand', 'INSERT, UPDATE, DELETE') AS "membership!",
                   has_table_privilege('brand', 'INSERT, UPDATE, DELETE') AS "brands!"
            "#
        )
        .fetch_one(&self.pool)
        .await?;
        let excess = [
            (row.superuser, "is superuser"),
            (row.audit, "may change admin_audit"),
            (row.recovery, "may change recovery_audit"),
            (row.ledger, "may change agent_ledger"),
            (row.membership, "may write agent_brand"),
            (row.brands, "may write brand"),
        ];
        Ok(RoleReport {
            role: row.role,
            excess: excess
                .iter()
                .filter(|(has, _)| *has)
                .map(|(_, what)| (*what).to_owned())
                .collect(),
        })
    }

    /// Connections: (in use, idle).
    #[must_use]
    pub fn connections(&self) -> (u32, u32) {
        self.pool.connections()
    }

    /// Closes every connection. One that a silent server does not let go of is left behind: a
    /// process that ends must end.
    pub async fn close(&self) {
        if !self.pool.close().await {
            tracing::warn!("database connections were left behind");
        }
    }
}

/// Begins a transaction whose statements are planned for their own parameters, and may take so long.
/// One message and not five: what is sent beside the statements proper costs as much as they do.
fn report_of(timeout: Duration) -> String {
    let milliseconds = timeout.as_millis();
    format!(
        "{SNAPSHOT}; SET LOCAL statement_timeout = {milliseconds}; \
         SET LOCAL plan_cache_mode = 'force_custom_plan'"
    )
}
