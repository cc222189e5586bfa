//! Password recovery.

use std::time::Duration;

use crate::{
    Environment, guard::assert_recovery_token_exposure_safe, reader::Reader, variables::var,
};

/// Recovery codes and reset tokens.
#[derive(Clone, Debug)]
pub struct RecoverySettings {
    /// P-112.
    pub token_ttl: Duration,
    /// Codes are logged in clear; never in a production-grade environment (P-113, P-203).
    pub expose_token_for_tests: bool,
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
        }
    }
}
