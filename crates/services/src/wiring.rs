//! From settings to what the use cases work with. Here, and not in each binary, so that the API,
//! the worker, the tests and the operators' commands are put together alike.

use std::{sync::Arc, time::Duration};

use agent_clients::{SmsClient, SmsSetupError};
use agent_config::{ApiSettings, DatabaseSettings, KeySettings, RedisSettings};
use agent_crypto::{
    Argon2Cost, ContactHasher, DerivedKeys, KeyError, PasswordConfigError, PasswordPipeline,
    PasswordSettings, PiiCipher, PiiSettings, RootKey, SigningKeys,
};
use agent_kv::{Kv, KvError, KvSettings};
use agent_persistence::{Db, DbError, DbSettings};
use agent_telemetry::Metrics;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::{
    app::{App, AppParts, Policy},
    clock::Clock,
    core::Core,
    export::ExportPolicy,
    limiter::{Limit, Limits},
    observe::CryptoReports,
    sms::{SmsParts, SmsQueue},
    wake::WakeSignal,
};

/// Settings that were accepted one by one but do not work together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    #[error("DATABASE_URL: {0}")]
    Database(#[from] DbError),
    #[error("REDIS_URL: {0}")]
    Redis(#[from] KvError),
    #[error("JWT_PRIVATE_KEY: {0}")]
    Keys(#[from] KeyError),
    #[error("ARGON2_*: {0}")]
    Passwords(#[from] PasswordConfigError),
    #[error("SMS_URL: {0}")]
    Sms(#[from] SmsSetupError),
}

/// Limits of statements that the pool does not know from its URL.
#[must_use]
pub fn db_settings(settings: &DatabaseSettings, application_name: &'static str) -> DbSettings {
    DbSettings {
        url: settings.url.expose_secret().to_owned(),
        max_connections: settings.pool_max,
        acquire_timeout: settings.acquire_timeout,
        statement_timeout: settings.statement_timeout,
        report_timeout: settings.report_timeout,
        lock_timeout: settings.lock_timeout,
        idle_in_transaction_timeout: settings.idle_in_transaction_timeout,
        statement_cache: settings.statement_cache,
        application_name,
    }
}

/// Opens database and Redis without connecting.
///
/// # Errors
/// A URL cannot be used.
pub fn core(
    database: &DatabaseSettings,
    redis: &RedisSettings,
    application_name: &'static str,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<Core, WiringError> {
    let db = Db::open(&db_settings(database, application_name))?;
    core_over(db, redis, metrics, clock)
}

/// As [`core`], with the database opened for work on queues.
///
/// # Errors
/// A URL cannot be used.
pub fn worker_core(
    database: &DatabaseSettings,
    redis: &RedisSettings,
    application_name: &'static str,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<Core, WiringError> {
    let db = Db::open_for_queues(&db_settings(database, application_name))?;
    core_over(db, redis, metrics, clock)
}

fn core_over(
    db: Db,
    redis: &RedisSettings,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<Core, WiringError> {
    Ok(Core {
        db,
        kv: Kv::open(KvSettings {
            url: redis.url.expose_secret().to_owned(),
            channel_prefix: redis.channel_prefix.clone(),
            response_timeout: redis.response_timeout,
        })?,
        clock,
        metrics,
        wake: WakeSignal::default(),
    })
}

/// Puts the API's use cases together.
///
/// # Errors
/// A key cannot be used.
pub fn app(settings: &ApiSettings, core: Core) -> Result<App, WiringError> {
    let reports = Arc::new(CryptoReports(core.metrics.clone()));
    let production = settings.environment.is_prod_grade();
    let keys = &settings.keys;
    // Only outside production, where settings without a key are refused: nothing hashed or signed
    // under a key of this process survives it.
    let root = keys.secret_key.clone().unwrap_or_else(|| {
        tracing::warn!("SECRET_KEY is not set: sessions end with this process");
        RootKey::generate()
    });
    let pepper = keys
        .contact_hash_pepper
        .as_ref()
        .map(|pepper| pepper.expose_secret());
    Ok(App::new(AppParts {
        pii: pii(keys, production, reports.clone()),
        passwords: PasswordPipeline::new(password_settings(settings), reports)?,
        keys: DerivedKeys::new(&root, keys.blind_index_key.as_ref()),
        contacts: ContactHasher::new(pepper),
        tokens: tokens(settings)?,
        sms: sms(settings, core.metrics.clone())?,
        policy: policy(settings),
        core,
    }))
}

/// The cipher of PII columns.
#[must_use]
pub fn pii(keys: &KeySettings, production: bool, reports: Arc<CryptoReports>) -> PiiCipher {
    let settings = PiiSettings {
        key: keys.aes_key.clone(),
        iv: keys.aes_iv.clone(),
        strict_decrypt: keys.aes_strict_decrypt,
        production,
    };
    PiiCipher::new(settings, reports)
}

fn password_settings(settings: &ApiSettings) -> PasswordSettings {
    let salt = settings.keys.password_salt.as_ref();
    let salt = salt.map_or_else(Vec::new, |salt| salt.expose_secret().as_bytes().to_vec());
    PasswordSettings {
        salt: Zeroizing::new(salt),
        cost: Argon2Cost {
            memory_kib: settings.hashing.memory_kib,
            iterations: settings.hashing.passes,
            parallelism: 1,
        },
        workers: settings.hashing.workers,
        queue: settings.hashing.queue,
    }
}

fn tokens(settings: &ApiSettings) -> Result<SigningKeys, KeyError> {
    let leeway = u32::try_from(settings.sessions.clock_leeway.as_secs()).unwrap_or(u32::MAX);
    let keys = match &settings.jwt.private_key {
        Some(pem) => SigningKeys::from_pem(
            pem.expose_secret(),
            settings.jwt.kid.as_deref(),
            &settings.jwt.previous_public_keys,
        )?,
        None => {
            tracing::warn!("JWT_PRIVATE_KEY is not set: access tokens end with this process");
            SigningKeys::generate_ephemeral()?
        }
    };
    Ok(keys.with_leeway_seconds(leeway))
}

fn sms(settings: &ApiSettings, metrics: Arc<Metrics>) -> Result<SmsQueue, SmsSetupError> {
    let sms = &settings.sms;
    let client = match &sms.url {
        Some(url) => Some(SmsClient::new(url.expose_secret(), sms.timeout)?),
        None => None,
    };
    Ok(SmsQueue::new(SmsParts {
        client,
        places: sms.queue,
        parallel: sms.parallel,
        expose_codes: settings.recovery.expose_token_for_tests,
        metrics,
    }))
}

fn policy(settings: &ApiSettings) -> Policy {
    let (limits, codes) = (&settings.limits, &settings.codes);
    Policy {
        access_ttl: settings.sessions.access_ttl,
        leeway_seconds: i64::try_from(settings.sessions.clock_leeway.as_secs()).unwrap_or(i64::MAX),
        refresh_idle_ttl: settings.sessions.refresh_idle_ttl,
        refresh_absolute_ttl: settings.sessions.refresh_absolute_ttl,
        refresh_grace: settings.sessions.refresh_grace,
        limits: Limits {
            login_per_username: Limit {
                attempts: limits.login_failures_per_username,
                window: limits.login_window,
            },
            login_per_source: Limit {
                attempts: limits.login_failures_per_source,
                window: limits.login_window,
            },
            payout_password: Limit {
                attempts: limits.payout_password_failures,
                window: limits.payout_password_window,
            },
            sub_adds: hourly(limits.sub_adds_per_hour),
            sub_resets: hourly(limits.sub_resets_per_hour),
            changes: hourly(limits.changes_per_hour),
            code_contact: Limit {
                attempts: codes.sends_per_contact,
                window: codes.window,
            },
            code_contact_day: Limit {
                attempts: codes.sends_per_contact_per_day,
                window: Duration::from_secs(86_400),
            },
            code_source: Limit {
                attempts: codes.sends_per_source,
                window: codes.window,
            },
            recovery_refusals: Limit {
                attempts: codes.refusals_per_source,
                window: codes.window,
            },
            code_brand: Limit {
                attempts: codes.sends_per_brand_per_minute,
                window: Duration::from_secs(60),
            },
        },
        requests_per_agent: settings.http.requests_per_agent,
        max_open_withdrawals: i64::from(settings.withdraw.max_open),
        code_ttl: settings.recovery.token_ttl,
        code_guesses: i16::try_from(codes.guesses).unwrap_or(i16::MAX),
        recovery_answer_after: settings.recovery.answer_after,
        payout_cooldown: settings.payout.cooldown,
        cards_per_agent: i64::from(settings.payout.cards_per_agent),
        exports: ExportPolicy {
            max_rows: i64::from(settings.exports.max_rows),
            longest: settings.exports.timeout,
            at_once: settings.exports.concurrency,
        },
    }
}

fn hourly(attempts: u32) -> Limit {
    Limit {
        attempts,
        window: Duration::from_secs(3_600),
    }
}
