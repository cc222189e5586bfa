//! Settings of the processes: everything as shipped, but for times that would make a run long, and
//! limits that would end the load.

use std::collections::BTreeMap;

/// Events that a worker publishes at once: small, so that faults fall into the middle of a backlog.
const BATCH: &str = "20";

const SHARED: &[(&str, &str)] = &[
    ("SECRET_KEY", "chaos-secret-key-0123456789abcdef"),
    ("PASSWORD_SALT", "chaos-password-salt"),
    (
        "AES_KEY",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ),
    ("AES_IV", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
    ("MULTI_BRAND_ENFORCEMENT", "enforce"),
    // The cheapest that Argon2 allows: it is not what is tried here.
    ("ARGON2_MEMORY_KIB", "64"),
    ("ARGON2_TIME", "1"),
    ("ACCESS_TOKEN_TTL_SECONDS", "7200"),
    ("LOGIN_FAILURES_PER_USERNAME", "100000"),
    ("LOGIN_FAILURES_PER_SOURCE", "100000"),
    ("CODE_SENDS_PER_CONTACT", "100000"),
    ("CODE_SENDS_PER_CONTACT_PER_DAY", "100000"),
    ("CODE_SENDS_PER_SOURCE", "100000"),
    ("CODE_SENDS_PER_BRAND_PER_MINUTE", "100000"),
    ("HTTP_HEAD_TIMEOUT_MS", "5000"),
    ("HTTP_BODY_IDLE_TIMEOUT_MS", "5000"),
    ("OUTBOX_BATCH", BATCH),
    // A busy machine must not look like a dead worker in the quiet phases.
    ("OUTBOX_LEASE_MS", "6000"),
    ("OUTBOX_RETRY_MIN_MS", "50"),
    ("OUTBOX_RETRY_MAX_MS", "400"),
    ("LOG_FILTER", "info"),
];

/// For the use cases in the harness itself, which must not fail when the machine is busy.
pub(crate) const PATIENT: [(&str, &str); 4] = [
    ("DB_POOL_MAX", "20"),
    ("DB_ACQUIRE_TIMEOUT_MS", "60000"),
    ("DB_STATEMENT_TIMEOUT_MS", "60000"),
    ("DB_IDLE_IN_TRANSACTION_TIMEOUT_MS", "60000"),
];

/// For both kinds of processes; the URLs may lead through proxies.
pub(crate) fn environment(
    database: &str,
    redis: &str,
    own: &[(&str, String)],
) -> BTreeMap<String, String> {
    let urls = [("DATABASE_URL", database), ("REDIS_URL", redis)];
    let shared = SHARED.iter().copied().chain(urls);
    let shared = shared.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = own
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    shared.chain(own).collect()
}
