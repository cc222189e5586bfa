//! What tests run against: real Postgres, real Redis, a real API on a port of its own.
//!
//! [`TestApp`] gives each test a database cloned from a migrated template, a Redis database, and a
//! clock that it may move. It ends with [`TestApp::finish`], which looks for planted secrets in
//! logs, metrics, Redis and every table, and holds every account against its ledger.
//!
//! Setting up panics with a clear text where it cannot go on: in a test that is the right answer.

pub mod app;
pub mod client;
pub mod database;
pub mod fixture;
pub mod probe;
pub mod process;
pub mod redis_database;

pub use app::TestApp;
pub use client::{Answer, Session};
pub use fixture::{AgentFixture, BrandFixture};
