//! Redis.

use std::time::Duration;

use secrecy::SecretString;

use crate::{reader::Reader, variables::var};

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// P-101.
    pub url: SecretString,
    /// Before the name of every pub/sub channel; those are shared by all databases of a server.
    pub channel_prefix: String,
    pub response_timeout: Duration,
}

impl RedisSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.required_url(&var::REDIS_URL, &["redis", "rediss"]),
            channel_prefix: reader
                .identifier(&var::REDIS_CHANNEL_PREFIX)
                .unwrap_or_default(),
            response_timeout: reader.millis(&var::REDIS_RESPONSE_TIMEOUT_MS, 1..=60_000),
        }
    }
}
