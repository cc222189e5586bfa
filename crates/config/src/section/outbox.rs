//! Publishing the outbox.

use std::{ops::RangeInclusive, time::Duration};

use crate::{RedisSettings, reader::Reader, variables::var};

const PAUSE_MS: RangeInclusive<u32> = 1..=600_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// How events travel from the outbox to the stream.
#[derive(Clone, Debug)]
pub struct OutboxSettings {
    /// Off leaves the worker idle, healthy and saying so (P-120, Q-17).
    pub enabled: bool,
    pub batch: u32,
    /// Also the time between two renewals of the leases.
    pub poll: Duration,
    pub lease: Duration,
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// Tries after which an event that a healthy Redis refuses is set aside.
    pub park_after: u32,
    /// How long published events are kept.
    pub retention: Duration,
    pub stream_max_len: u64,
}

/// A lease outlasts so many answer times of Redis. No batch is begun with two of them left, the
/// time that it may take to connect and to append; what remains has to be enough to work in.
const ANSWERS_PER_LEASE: u32 = 4;

impl OutboxSettings {
    pub(crate) fn read(reader: &mut Reader, redis: &RedisSettings) -> Self {
        let retention_days = reader.number(&var::OUTBOX_RETENTION_DAYS, 1..=3650);
        let outbox = Self {
            enabled: reader.switch(&var::ENABLE_OUTBOX_POLLER),
            batch: reader.number(&var::OUTBOX_BATCH, 1..=100_000),
            poll: reader.millis(&var::OUTBOX_POLL_MS, PAUSE_MS),
            lease: reader.millis(&var::OUTBOX_LEASE_MS, PAUSE_MS),
            retry_min: reader.millis(&var::OUTBOX_RETRY_MIN_MS, PAUSE_MS),
            retry_max: reader.millis(&var::OUTBOX_RETRY_MAX_MS, PAUSE_MS),
            park_after: reader.number(&var::OUTBOX_PARK_AFTER, 1..=1000),
            retention: Duration::from_secs(u64::from(retention_days) * SECONDS_PER_DAY),
            stream_max_len: reader
                .number(&var::OUTBOX_STREAM_MAX_LEN, 1..=u32::MAX)
                .into(),
        };
        if outbox.lease < outbox.poll * 2 {
            // One late renewal must not lose the lease.
            reader.fault(
                var::OUTBOX_LEASE_MS.name,
                "must be at least twice OUTBOX_POLL_MS",
            );
        }
        if outbox.lease < redis.response_timeout * ANSWERS_PER_LEASE {
            reader.fault(
                var::OUTBOX_LEASE_MS.name,
                "must be at least four times REDIS_RESPONSE_TIMEOUT_MS",
            );
        }
        if outbox.retry_max < outbox.retry_min {
            reader.fault(
                var::OUTBOX_RETRY_MAX_MS.name,
                "must not be below OUTBOX_RETRY_MIN_MS",
            );
        }
        outbox
    }
}
