//! Tests of the guard against a directory in memory.

mod caches;
mod decisions;
mod fake;
mod requests;
