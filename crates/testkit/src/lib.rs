//! What tests run against: real Postgres, real Redis, a real API on a port of its own.
//!
//! [`TestApp`] gives each test a database cloned from a migrated template, a Redis database, and a
//! clock that it may move. It ends with [`TestApp::finish`], which looks for planted secrets in
//! logs, metrics, Redis and every table, and holds every account against its ledger. Messages go
//! to a [`FakeSms`]; phones and codes that it was handed are secrets too.
//!
//! Setting up panics with a clear text where it cannot go on: in a test that is the right answer.

pub mod app;
pub mod beside;
pub mod binaries;
pub mod client;
pub mod coupon;
pub mod database;
pub mod fake_sms;
pub mod fixture;
pub mod own_servers;
pub mod probe;
pub mod process;
pub mod redis_database;
pub mod wire;
pub mod withdrawal;
pub mod worker;

pub use agent_chaos::{books, proxy};
pub use app::TestApp;
pub use client::{Answer, Session};
pub use coupon::Granter;
pub use fake_sms::{FakeSms, Message, SmsMode};
pub use fixture::{AgentFixture, BrandFixture};
pub use own_servers::OwnServers;
pub use withdrawal::Payee;
