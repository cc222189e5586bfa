//! What operators see of a running process: metrics, logs, health, and notices to systemd.
//!
//! This crate is the only user of the Prometheus, tracing-subscriber and sd-notify libraries, so
//! that every metric name stands in one file ([`Metrics`]) and every log line goes through one
//! escaping writer ([`log`]).

pub mod health;
pub mod log;
mod metrics;
pub mod ops;
mod process;
pub mod sd;

pub use health::{CheckState, HealthReport};
pub use log::LogFormat;
pub use metrics::Metrics;
