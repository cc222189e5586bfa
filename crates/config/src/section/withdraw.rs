//! Withdrawals.

use std::time::Duration;

use crate::{reader::Reader, variables::var};

const SECONDS_PER_HOUR: u64 = 3600;

/// Rules of withdrawals that are the same for every agent.
#[derive(Clone, Debug)]
pub struct WithdrawSettings {
    /// Where the agent's own settings do not say.
    pub max_open: u32,
    /// How long an `Idempotency-Key` replays its answer.
    pub idempotency_ttl: Duration,
}

impl WithdrawSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let hours = reader.number(&var::IDEMPOTENCY_TTL_HOURS, 1..=8760);
        Self {
            max_open: reader.number(&var::WITHDRAW_MAX_OPEN, 1..=1000),
            idempotency_ttl: Duration::from_secs(u64::from(hours) * SECONDS_PER_HOUR),
        }
    }
}
