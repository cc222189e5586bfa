//! Lifetimes of tokens and sessions.

use std::{ops::RangeInclusive, time::Duration};

use crate::{reader::Reader, variables::var};

const UP_TO_A_YEAR: RangeInclusive<u32> = 1..=31_536_000;

/// How long sign-ins last.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    pub access_ttl: Duration,
    /// A refresh token that is not used for so long is dead.
    pub refresh_idle_ttl: Duration,
    /// A session ends then, however often it was refreshed.
    pub refresh_absolute_ttl: Duration,
    pub clock_leeway: Duration,
    /// Within this time after a rotation, a reused refresh token is a lost race and no theft.
    pub refresh_grace: Duration,
}

impl SessionSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let sessions = Self {
            access_ttl: reader.seconds(&var::ACCESS_TOKEN_TTL_SECONDS, 1..=86_400),
            refresh_idle_ttl: reader.seconds(&var::REFRESH_IDLE_TTL_SECONDS, UP_TO_A_YEAR),
            refresh_absolute_ttl: reader.seconds(&var::REFRESH_ABSOLUTE_TTL_SECONDS, UP_TO_A_YEAR),
            clock_leeway: reader.seconds(&var::CLOCK_LEEWAY_SECONDS, 0..=300),
            refresh_grace: reader.seconds(&var::REFRESH_GRACE_SECONDS, 0..=300),
        };
        if sessions.refresh_absolute_ttl < sessions.refresh_idle_ttl {
            reader.fault(
                var::REFRESH_ABSOLUTE_TTL_SECONDS.name,
                "must not be below REFRESH_IDLE_TTL_SECONDS",
            );
        }
        sessions
    }
}
