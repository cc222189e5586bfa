//! Exports.

use std::time::Duration;

use crate::{reader::Reader, variables::var};

/// What an export may cost.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    pub max_rows: u32,
    /// From the first statement to the last row that the client took.
    pub timeout: Duration,
    /// In one process. Each holds a database connection.
    pub concurrency: usize,
}

impl ExportSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            max_rows: reader.number(&var::EXPORT_MAX_ROWS, 1..=10_000_000),
            timeout: reader.seconds(&var::EXPORT_TIMEOUT_SECONDS, 1..=3600),
            concurrency: reader.count(&var::EXPORT_CONCURRENCY, 1..=100),
        }
    }
}
