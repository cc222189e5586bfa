//! PostgreSQL.

use std::{ops::RangeInclusive, time::Duration};

use secrecy::SecretString;

use crate::{reader::Reader, variables::var};

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
/// PostgreSQL reads a timeout of 0 as none at all, so it is not allowed.
const TIMEOUT_MS: RangeInclusive<u32> = 1..=3_600_000;

/// How to reach the database, and how long anything there may take.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Of the application's role (P-100).
    pub url: SecretString,
    pub pool_max: u32,
    pub acquire_timeout: Duration,
    pub statement_timeout: Duration,
    /// In place of `statement_timeout` for reports.
    pub report_timeout: Duration,
    pub lock_timeout: Duration,
    pub idle_in_transaction_timeout: Duration,
    /// Prepared statements per connection.
    pub statement_cache: usize,
}

impl DatabaseSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.required_url(&var::DATABASE_URL, &SCHEMES),
            pool_max: reader.number(&var::DB_POOL_MAX, 1..=1000),
            acquire_timeout: reader.millis(&var::DB_ACQUIRE_TIMEOUT_MS, TIMEOUT_MS),
            statement_timeout: reader.millis(&var::DB_STATEMENT_TIMEOUT_MS, TIMEOUT_MS),
            report_timeout: reader.millis(&var::DB_REPORT_TIMEOUT_MS, TIMEOUT_MS),
            lock_timeout: reader.millis(&var::DB_LOCK_TIMEOUT_MS, TIMEOUT_MS),
            idle_in_transaction_timeout: reader
                .millis(&var::DB_IDLE_IN_TRANSACTION_TIMEOUT_MS, TIMEOUT_MS),
            statement_cache: reader.count(&var::DB_STATEMENT_CACHE, 1..=10_000),
        }
    }

    /// The URL of the role that migrates: the application's unless given apart.
    pub(crate) fn read_migration_url(&self, reader: &mut Reader) -> SecretString {
        let given = reader.url(&var::MIGRATION_DATABASE_URL, &SCHEMES);
        given.unwrap_or_else(|| self.url.clone())
    }
}
