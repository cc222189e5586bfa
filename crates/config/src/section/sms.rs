//! The SMS provider.

use std::time::Duration;

use secrecy::SecretString;

use crate::{reader::Reader, variables::var};

/// Where messages are handed over, and how many at once (P-119, Q-90).
#[derive(Clone, Debug)]
pub struct SmsSettings {
    /// `None`: SMS are not provisioned. May hold a credential.
    pub url: Option<SecretString>,
    /// For the whole call.
    pub timeout: Duration,
    /// Messages that wait or are on their way; beyond, one is dropped and counted.
    pub queue: usize,
    /// Messages on their way at once, so that one slow answer does not hold up the others.
    pub parallel: usize,
}

impl SmsSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.url(&var::SMS_URL, &["https", "http"]),
            timeout: reader.millis(&var::SMS_TIMEOUT_MS, 1..=60_000),
            queue: reader.count(&var::SMS_QUEUE, 1..=1_000_000),
            parallel: reader.count(&var::SMS_PARALLEL, 1..=1024),
        }
    }
}
