//! Password recovery, one-time codes, payout accounts.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    Environment, guard::assert_recovery_token_exposure_safe, reader::Reader, variables::var,
};

const TIMES: RangeInclusive<u32> = 1..=1_000_000;

/// Recovery codes and reset tokens.
#[derive(Clone, Debug)]
pub struct RecoverySettings {
    /// P-112.
    pub token_ttl: Duration,
    /// Codes are logged in clear; never in a production-grade environment (P-113, P-203).
    pub expose_token_for_tests: bool,
    /// A request for recovery and a refused code take at least so long (P-183).
    pub answer_after: Duration,
}

/// How often codes are sent and guessed.
#[derive(Clone, Debug)]
pub struct CodeSettings {
    pub guesses: u32,
    pub sends_per_contact: u32,
    pub sends_per_contact_per_day: u32,
    pub sends_per_source: u32,
    pub refusals_per_source: u32,
    pub window: Duration,
    pub sends_per_brand_per_minute: u32,
}

/// Cards, and the pause after an unproven change of phone.
#[derive(Clone, Debug)]
pub struct PayoutSettings {
    pub cooldown: Duration,
    pub cards_per_agent: u32,
}

impl CodeSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            // Stored as a small number; a code that takes a thousand guesses is no secret.
            guesses: reader.number(&var::CODE_GUESSES, 1..=1000),
            sends_per_contact: reader.number(&var::CODE_SENDS_PER_CONTACT, TIMES),
            sends_per_contact_per_day: reader.number(&var::CODE_SENDS_PER_CONTACT_PER_DAY, TIMES),
            sends_per_source: reader.number(&var::CODE_SENDS_PER_SOURCE, TIMES),
            refusals_per_source: reader.number(&var::RECOVERY_REFUSALS_PER_SOURCE, TIMES),
            window: reader.seconds(&var::CODE_WINDOW_SECONDS, 1..=86_400),
            sends_per_brand_per_minute: reader.number(&var::CODE_SENDS_PER_BRAND_PER_MINUTE, TIMES),
        }
    }
}

impl PayoutSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let hours: u32 = reader.number(&var::PAYOUT_COOLDOWN_HOURS, 1..=720);
        Self {
            cooldown: Duration::from_secs(u64::from(hours) * 3600),
            cards_per_agent: reader.number(&var::CARDS_PER_AGENT, 1..=1000),
        }
    }
}

impl RecoverySettings {
    pub(crate) fn read(reader: &mut Reader, environment: &Environment) -> Self {
        let minutes = reader.number(&var::RECOVERY_TOKEN_TTL_MINUTES, 1..=60);
        let expose_token_for_tests = reader.switch(&var::RECOVERY_EXPOSE_TOKEN_FOR_TESTS);
        if let Err(exposed) =
            assert_recovery_token_exposure_safe(environment, expose_token_for_tests)
        {
            reader.refuse(exposed);
        }
        Self {
            token_ttl: Duration::from_secs(u64::from(minutes) * 60),
            expose_token_for_tests,
            answer_after: reader.millis(&var::RECOVERY_ANSWER_MILLISECONDS, 0..=5_000),
        }
    }
}
