//! Limits on guessing and on what one agent may write, and the cost of a password hash.

use std::{ops::RangeInclusive, thread, time::Duration};

use crate::{Environment, reader::Reader, variables::var};

const TIMES: RangeInclusive<u32> = 1..=1_000_000;
const UP_TO_A_DAY: RangeInclusive<u32> = 1..=86_400;
/// The least that password hashing guidelines recommend with two passes.
const RECOMMENDED_MEMORY_KIB: u32 = 19_456;

/// How often a secret may be guessed, and what an agent may do within an hour.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    pub login_failures_per_username: u32,
    pub login_failures_per_source: u32,
    pub login_window: Duration,
    pub payout_password_failures: u32,
    pub payout_password_window: Duration,
    pub sub_adds_per_hour: u32,
    pub sub_resets_per_hour: u32,
    pub changes_per_hour: u32,
}

/// Cost of one password hash (Argon2id), and how many run and wait at once.
#[derive(Clone, Debug)]
pub struct HashSettings {
    pub memory_kib: u32,
    pub passes: u32,
    pub workers: usize,
    /// Beyond so many waiting, a request is refused with 503.
    pub queue: usize,
}

impl LimitSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            login_failures_per_username: reader.number(&var::LOGIN_FAILURES_PER_USERNAME, TIMES),
            login_failures_per_source: reader.number(&var::LOGIN_FAILURES_PER_SOURCE, TIMES),
            login_window: reader.seconds(&var::LOGIN_WINDOW_SECONDS, UP_TO_A_DAY),
            payout_password_failures: reader.number(&var::PAYOUT_PASSWORD_FAILURES, TIMES),
            payout_password_window: reader
                .seconds(&var::PAYOUT_PASSWORD_WINDOW_SECONDS, UP_TO_A_DAY),
            sub_adds_per_hour: reader.number(&var::SUB_ADDS_PER_HOUR, TIMES),
            sub_resets_per_hour: reader.number(&var::SUB_RESETS_PER_HOUR, TIMES),
            changes_per_hour: reader.number(&var::CHANGES_PER_HOUR, TIMES),
        }
    }
}

impl HashSettings {
    pub(crate) fn read(reader: &mut Reader, environment: &Environment) -> Self {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let workers = reader.optional_number(&var::HASH_WORKERS, 1..=1024);
        let memory_kib = reader.number(&var::ARGON2_MEMORY_KIB, 8..=262_144);
        if environment.is_prod_grade() && memory_kib < RECOMMENDED_MEMORY_KIB {
            reader.warn(
                &var::ARGON2_MEMORY_KIB,
                "is below the recommended 19456 in production",
            );
        }
        Self {
            memory_kib,
            passes: reader.number(&var::ARGON2_TIME, 1..=16),
            workers: workers.map_or_else(cores, |workers| workers as usize),
            queue: reader.count(&var::HASH_QUEUE, 1..=1_000_000),
        }
    }
}
