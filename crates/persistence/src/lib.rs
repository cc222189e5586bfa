//! Postgres: every SQL statement of the product, checked against the schema when it is compiled.
//!
//! Plain async functions over a connection or a [`Tx`]; no repository traits. Functions over rows
//! that a brand owns take a `BrandScope`; functions that change how an account is reached or paid
//! take an [`AuditedTx`].

pub mod audit;
pub mod audit_trail;
pub mod brand;
pub mod db;
pub mod error;
pub mod idempotency;
pub mod migrate;
pub mod outbox;
pub mod pii;
mod pool;
pub mod portal;
mod recount;
pub mod rollup;
pub mod rows;
pub mod tx;

pub use audit::{AuditEntry, AuditedTx, RecoveryEntry};
pub use db::{Db, DbSettings};
pub use error::DbError;
pub use pool::Pool;
pub use rows::Rows;
pub use tx::Tx;
