//! Exports.

use std::time::Duration;

use crate::{DatabaseSettings, reader::Reader, variables::var};

/// What an export may cost.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    pub max_rows: u32,
    /// From the first statement to the last row that the client took.
    pub timeout: Duration,
    /// In one process. Each holds a database connection, and at most half of them.
    pub concurrency: usize,
}

impl ExportSettings {
    pub(crate) fn read(reader: &mut Reader, database: &DatabaseSettings) -> Self {
        let exports = Self {
            max_rows: reader.number(&var::EXPORT_MAX_ROWS, 1..=10_000_000),
            timeout: reader.seconds(&var::EXPORT_TIMEOUT_SECONDS, 1..=3600),
            concurrency: reader.count(&var::EXPORT_CONCURRENCY, 1..=100),
        };
        // A pool whose size is not known says nothing.
        let known = !reader.is_at_fault(&var::DB_POOL_MAX);
        if known && exports.concurrency > database.pool_max as usize / 2 {
            reader.fault(
                var::EXPORT_CONCURRENCY.name,
                "must be at most half of DB_POOL_MAX",
            );
        }
        exports
    }
}
