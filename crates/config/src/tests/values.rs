//! Defaults, bounds and spellings of values.

use std::time::Duration;

use agent_crypto::SigningKeys;
use secrecy::ExposeSecret;

use super::fixture::{JWT_PRIVATE_KEY, Vars, names};
use crate::{LogFormat, VARIABLES};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn defaults_of_the_api() {
    let s = Vars::minimal().api().unwrap();
    let db = &s.database;
    assert_eq!((db.pool_max, db.statement_cache), (10, 100));
    assert_eq!(
        (db.acquire_timeout, db.statement_timeout),
        (secs(2), secs(5))
    );
    assert_eq!((db.report_timeout, db.lock_timeout), (secs(15), secs(2)));
    assert_eq!(db.idle_in_transaction_timeout, secs(10));
    assert_eq!(
        (s.redis.channel_prefix.as_str(), s.redis.response_timeout),
        ("", ms(500))
    );
    let sessions = &s.sessions;
    assert_eq!(
        (sessions.access_ttl, sessions.clock_leeway),
        (secs(900), secs(5))
    );
    assert_eq!(sessions.refresh_idle_ttl, secs(7 * 86_400));
    assert_eq!(sessions.refresh_absolute_ttl, secs(30 * 86_400));
    assert_eq!(sessions.refresh_grace, secs(10));
    let limits = &s.limits;
    assert_eq!(limits.login_failures_per_username, 10);
    assert_eq!(limits.login_failures_per_source, 100);
    assert_eq!(
        (limits.login_window, limits.payout_password_window),
        (secs(900), secs(900))
    );
    assert_eq!(limits.payout_password_failures, 5);
    assert_eq!(
        (limits.sub_adds_per_hour, limits.sub_resets_per_hour),
        (50, 20)
    );
    assert_eq!(limits.changes_per_hour, 1_000);
    assert_eq!(
        (s.hashing.memory_kib, s.hashing.passes, s.hashing.queue),
        (19_456, 2, 128)
    );
    assert!(s.hashing.workers >= 1);
    assert_eq!(
        (s.withdraw.max_open, s.withdraw.idempotency_ttl),
        (1, secs(86_400))
    );
    assert_eq!(s.recovery.token_ttl, secs(600));
    let http = &s.http;
    assert_eq!(http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(http.metrics_listen, "127.0.0.1:9464".parse().unwrap());
    assert_eq!(
        (http.head_timeout, http.body_idle_timeout),
        (secs(10), secs(10))
    );
    assert_eq!(
        (http.request_timeout, http.drain_timeout),
        (secs(15), secs(8))
    );
    assert_eq!((http.max_body_bytes, http.max_connections), (65_536, 2000));
    assert!(http.trusted_proxies.is_empty());
    assert!(!s.internal.per_caller_token_required && !s.keys.aes_strict_decrypt);
    assert_eq!(
        (s.log.format, s.log.filter.as_str()),
        (LogFormat::Json, "info")
    );
    assert_eq!(
        (s.heartbeat.interval, s.heartbeat.stale),
        (secs(5), secs(30))
    );
}

#[test]
fn defaults_of_the_worker() {
    let s = Vars::minimal().worker().unwrap();
    assert_eq!(s.process.listen, "127.0.0.1:9465".parse().unwrap());
    assert_eq!(s.process.drain_timeout, secs(8));
    assert!(
        s.process
            .instance
            .ends_with(&format!(":{}", std::process::id()))
    );
    let outbox = &s.outbox;
    assert_eq!((outbox.batch, outbox.park_after), (1000, 10));
    assert_eq!((outbox.poll, outbox.lease), (secs(1), secs(4)));
    assert_eq!((outbox.retry_min, outbox.retry_max), (ms(200), secs(30)));
    assert_eq!(outbox.retention, secs(7 * 86_400));
    assert_eq!(outbox.stream_max_len, 1_000_000);
}

#[test]
fn no_number_accepts_anything_but_digits() {
    let numbers = || {
        let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        VARIABLES
            .iter()
            .filter(move |v| v.name == "HASH_WORKERS" || v.default.is_some_and(numeric))
    };
    assert!(numbers().count() > 35);
    for variable in numbers() {
        for junk in [
            "x",
            "-1",
            "+5",
            "5.0",
            "1e3",
            "0x10",
            " 5",
            "5 ",
            "5s",
            "٥",
            "99999999999",
        ] {
            let vars = Vars::minimal().set(variable.name, junk);
            let faults = match vars.api_faults() {
                faults if faults.is_empty() => vars.worker_faults(),
                faults => faults,
            };
            assert_eq!(names(&faults)[0], variable.name, "{junk:?}: {faults:?}");
            assert!(
                faults[0].contains("must be a whole number from "),
                "{faults:?}"
            );
        }
    }
}

#[test]
fn p112_recovery_tokens_live_one_to_sixty_minutes() {
    for (minutes, valid) in [("0", false), ("1", true), ("60", true), ("61", false)] {
        let vars = Vars::minimal().set("RECOVERY_TOKEN_TTL_MINUTES", minutes);
        match vars.api() {
            Ok(settings) => {
                assert!(valid, "{minutes}");
                let expected = secs(60 * minutes.parse::<u64>().unwrap());
                assert_eq!(settings.recovery.token_ttl, expected);
            }
            Err(errors) => {
                assert!(!valid, "{minutes}");
                assert_eq!(
                    errors.to_string(),
                    "RECOVERY_TOKEN_TTL_MINUTES: must be a whole number from 1 to 60"
                );
            }
        }
    }
}

#[test]
fn p118_p123_switches_are_on_or_off() {
    let vars = Vars::minimal()
        .set("AES_STRICT_DECRYPT", "on")
        .set("PER_CALLER_TOKEN_REQUIRED", "on");
    let settings = vars.api().unwrap();
    assert!(settings.keys.aes_strict_decrypt && settings.internal.per_caller_token_required);
    for name in [
        "AES_STRICT_DECRYPT",
        "PER_CALLER_TOKEN_REQUIRED",
        "RECOVERY_EXPOSE_TOKEN_FOR_TESTS",
    ] {
        for word in ["true", "1", "ON", "On", "yes", "0", "false", "on "] {
            let faults = Vars::minimal().set(name, word).api_faults();
            assert_eq!(faults, [format!("{name}: must be on or off")], "{word}");
        }
    }
}

#[test]
fn urls_are_checked_by_scheme() {
    for (name, good, bad) in [
        (
            "DATABASE_URL",
            &[
                "postgres://db/x",
                "postgresql://u:p@db:5432/x",
                "postgres:///x?host=/run",
            ][..],
            &[
                "mysql://db/x",
                "db:5432",
                "db/x",
                "postgres:x",
                "postgres//db",
                "postgres://[::1/x",
            ][..],
        ),
        (
            "MIGRATION_DATABASE_URL",
            &["postgres://owner@db/x"],
            &["http://db"],
        ),
        (
            "REDIS_URL",
            &["redis://cache", "rediss://:p@cache:6380/1"],
            &[
                "http://cache",
                "cache:6379",
                "cache",
                "redis:cache",
                "unix:///run/redis",
            ],
        ),
        (
            "SMS_URL",
            &["https://sms.example/send", "http://127.0.0.1:9000"],
            &["ftp://sms.example", "sms.example", "//sms.example"],
        ),
    ] {
        for url in good {
            assert_eq!(
                Vars::minimal().set(name, url).api_faults(),
                [""; 0],
                "{url}"
            );
        }
        for url in bad {
            let faults = Vars::minimal().set(name, url).api_faults();
            assert_eq!(names(&faults), [name], "{url}");
        }
    }
}

#[test]
fn p119_the_sms_provider_is_an_http_url_or_unset() {
    let unset = Vars::minimal().api().unwrap().sms;
    assert!(unset.url.is_none());
    assert_eq!(
        (unset.timeout, unset.queue, unset.parallel),
        (secs(5), 1000, 8)
    );
    for bad in [
        "sms-token-7",
        "ftp://sms-token-7",
        "http://",
        "http:sms-token-7 x",
    ] {
        let faults = Vars::minimal().set("SMS_URL", bad).api_faults();
        assert_eq!(names(&faults), ["SMS_URL"], "{bad}");
        assert!(!faults[0].contains("sms-token-7"), "{faults:?}");
    }
}

#[test]
fn q93_migrations_use_the_applications_url_unless_another_is_given() {
    let settings = Vars::minimal().api().unwrap();
    let same = settings.database.url.expose_secret();
    assert_eq!(settings.migration_database_url.expose_secret(), same);
    let vars = Vars::minimal().set("MIGRATION_DATABASE_URL", "postgres://owner@db/x");
    let settings = vars.api().unwrap();
    assert_eq!(
        settings.migration_database_url.expose_secret(),
        "postgres://owner@db/x"
    );
}

#[test]
fn q92_trusted_proxies_are_networks_or_addresses() {
    let vars = Vars::minimal().set("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,fd00::/8 ,::1,");
    let proxies = vars.api().unwrap().http.trusted_proxies;
    let shown: Vec<String> = proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128"]);
    for list in [
        "proxy",
        "10.0.0.0/33",
        "10.0.0",
        "10.0.0.0/8;::1",
        "10.0.0.1:80",
    ] {
        let faults = Vars::minimal().set("TRUSTED_PROXIES", list).api_faults();
        assert_eq!(names(&faults), ["TRUSTED_PROXIES"], "{list}");
    }
}

#[test]
fn addresses_are_an_ip_and_a_port() {
    for name in ["HTTP_LISTEN", "METRICS_LISTEN"] {
        for good in ["0.0.0.0:0", "[::]:8080"] {
            assert!(Vars::minimal().set(name, good).api().is_ok());
        }
        for bad in ["8080", ":8080", "localhost:8080", "127.0.0.1", "::1:80"] {
            let faults = Vars::minimal().set(name, bad).api_faults();
            assert_eq!(names(&faults), [name], "{bad}");
        }
    }
    let faults = Vars::minimal().set("WORKER_LISTEN", "x").worker_faults();
    assert_eq!(names(&faults), ["WORKER_LISTEN"]);
}

#[test]
fn names_in_keys_and_channels_are_plain() {
    let vars = Vars::minimal()
        .set("REDIS_CHANNEL_PREFIX", "test_17:")
        .set("WORKER_INSTANCE", "worker-1:42");
    let api = vars.api().unwrap();
    assert_eq!(api.redis.channel_prefix, "test_17:");
    assert_eq!(vars.worker().unwrap().process.instance, "worker-1:42");
    for bad in ["a b", "a\nb", "a*", "é", &"x".repeat(129)] {
        let vars = Vars::minimal()
            .set("REDIS_CHANNEL_PREFIX", bad)
            .set("WORKER_INSTANCE", bad);
        assert_eq!(names(&vars.api_faults()), ["REDIS_CHANNEL_PREFIX"]);
        assert_eq!(
            names(&vars.worker_faults()),
            ["REDIS_CHANNEL_PREFIX", "WORKER_INSTANCE"]
        );
    }
}

#[test]
fn log_formats_are_two() {
    let vars = Vars::minimal().set("LOG_FORMAT", "text");
    assert_eq!(vars.api().unwrap().log.format, LogFormat::Text);
    let vars = Vars::minimal().set("LOG_FORMAT", "pretty");
    assert_eq!(vars.worker_faults(), ["LOG_FORMAT: must be json or text"]);
}

#[test]
fn a_short_root_key_is_a_fault_everywhere() {
    for name in ["SECRET_KEY", "BLIND_INDEX_KEY"] {
        for base in [Vars::minimal(), Vars::production()] {
            let vars = base.set(name, "short");
            assert_eq!(names(&vars.api_faults()), [name]);
            assert_eq!(names(&vars.worker_faults()), [name]);
        }
    }
}

#[test]
fn values_that_contradict_each_other_are_faults() {
    let api = Vars::minimal()
        .set("REFRESH_IDLE_TTL_SECONDS", "100")
        .set("REFRESH_ABSOLUTE_TTL_SECONDS", "99");
    assert_eq!(names(&api.api_faults()), ["REFRESH_ABSOLUTE_TTL_SECONDS"]);
    let worker = Vars::minimal()
        .set("HEARTBEAT_INTERVAL_MS", "1000")
        .set("HEARTBEAT_STALE_MS", "1000")
        .set("OUTBOX_POLL_MS", "100")
        .set("OUTBOX_LEASE_MS", "199")
        .set("REDIS_RESPONSE_TIMEOUT_MS", "49")
        .set("OUTBOX_RETRY_MIN_MS", "50")
        .set("OUTBOX_RETRY_MAX_MS", "49");
    assert_eq!(
        names(&worker.worker_faults()),
        [
            "HEARTBEAT_STALE_MS",
            "OUTBOX_LEASE_MS",
            "OUTBOX_RETRY_MAX_MS"
        ]
    );
    // With less than this no batch would ever be begun.
    let worker = Vars::minimal()
        .set("OUTBOX_LEASE_MS", "4000")
        .set("REDIS_RESPONSE_TIMEOUT_MS", "1001");
    assert_eq!(names(&worker.worker_faults()), ["OUTBOX_LEASE_MS"]);
}

#[test]
fn p110_p111_keys_of_tokens_are_checked_at_boot() {
    let vars = Vars::minimal()
        .set("JWT_PRIVATE_KEY", &JWT_PRIVATE_KEY)
        .set("JWT_KID", "2026-04.a");
    let jwt = vars.api().unwrap().jwt;
    let pem = jwt.private_key.unwrap();
    assert_eq!(jwt.kid.as_deref(), Some("2026-04.a"));
    let keys = SigningKeys::from_pem(
        pem.expose_secret(),
        jwt.kid.as_deref(),
        &jwt.previous_public_keys,
    );
    let keys = keys.unwrap();
    assert_eq!(keys.active_kid(), "2026-04.a");

    let same_key_other_kid = keys.jwks().to_string().replace("2026-04.a", "2025-12.b");
    let rotated = vars
        .clone()
        .set("JWT_PREVIOUS_PUBLIC_KEYS", &same_key_other_kid);
    assert_eq!(rotated.api_faults(), [""; 0]);

    let own_private_key: &str = &JWT_PRIVATE_KEY;
    for (name, bad) in [
        ("JWT_PRIVATE_KEY", "no key"),
        ("JWT_PRIVATE_KEY", &own_private_key[..200]),
        ("JWT_KID", "with a space"),
        ("JWT_PREVIOUS_PUBLIC_KEYS", "no key"),
        ("JWT_PREVIOUS_PUBLIC_KEYS", own_private_key),
    ] {
        let faults = vars.clone().set(name, bad).api_faults();
        assert_eq!(names(&faults), [name], "{faults:?}");
    }
}

#[test]
fn players_days_are_kept_for_ever_or_for_long_enough() {
    for (months, kept) in [("0", None), ("4", Some(4)), ("13", Some(13))] {
        let vars = Vars::minimal().set("STAT_RETENTION_MONTHS", months);
        assert_eq!(vars.worker().unwrap().statistics.months_kept, kept);
    }
    for bad in ["1", "3", "-1", "1201", "x"] {
        let vars = Vars::minimal().set("STAT_RETENTION_MONTHS", bad);
        assert_eq!(names(&vars.worker_faults()), ["STAT_RETENTION_MONTHS"]);
    }
}
