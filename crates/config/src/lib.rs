//! The environment, read once at boot into typed settings (P-100 … P-124).
//!
//! [`ApiSettings::load`] and [`WorkerSettings::load`] read every variable that their binary uses,
//! run the boot guards and report all faults together. No fault, warning or listing ever shows the
//! value of a secret. [`VARIABLES`] is the one table of names, defaults and meanings; loading,
//! `.env.example` and the documents all follow it.
//!
//! An empty variable counts as unset. A secret can also be given as a file: `NAME_FILE` holds its
//! path.

mod env;
mod environment;
mod error;
mod example;
mod guard;
mod reader;
mod section;
mod settings;
mod variables;

#[cfg(test)]
mod tests;

pub use agent_telemetry::log::LogFormat;
pub use env::Env;
pub use environment::Environment;
pub use error::{ConfigError, ConfigErrors, Fault};
pub use example::env_example;
pub use guard::{
    AesPiiKeysMisconfigured, PiiKeyTexts, RecoveryTokenExposed, assert_aes_pii_keys_configured,
    assert_recovery_token_exposure_safe,
};
pub use section::{
    database::DatabaseSettings,
    exports::ExportSettings,
    http::HttpSettings,
    internal::InternalSettings,
    jwt::JwtSettings,
    keys::KeySettings,
    limits::{HashSettings, LimitSettings},
    log::LogSettings,
    outbox::OutboxSettings,
    recovery::{CodeSettings, PayoutSettings, RecoverySettings},
    redis::RedisSettings,
    sessions::SessionSettings,
    sms::SmsSettings,
    statistics::StatisticsSettings,
    withdraw::WithdrawSettings,
    worker::{HeartbeatSettings, ProcessSettings},
};
pub use settings::{ApiSettings, WorkerSettings};
pub use variables::{VARIABLES, Variable};
