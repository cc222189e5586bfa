//! The table of variables, the example file and the README.

use std::collections::BTreeSet;

use agent_config::{ApiSettings, Env, VARIABLES, WorkerSettings};
use secrecy::ExposeSecret as _;

use crate::tree;

fn names() -> BTreeSet<&'static str> {
    VARIABLES.iter().map(|variable| variable.name).collect()
}

#[test]
fn the_example_lists_every_variable_and_no_other() {
    let example = tree::read(".env.example");
    let listed: BTreeSet<&str> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(listed, names());
    let hint = "write it anew with the command in its head";
    assert!(
        example == agent_config::env_example(),
        ".env.example is old: {hint}"
    );
}

#[test]
fn the_readme_explains_every_variable_and_no_other() {
    let readme = tree::read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let upper = |name: &&str| {
        name.bytes()
            .all(|b| b.is_ascii_uppercase() || b"_0123456789".contains(&b))
    };
    let explained: BTreeSet<&str> = rows.into_iter().filter(upper).collect();
    let missing: Vec<_> = names().difference(&explained).copied().collect();
    assert!(missing.is_empty(), "not in the README: {missing:?}");
    let tools = [
        "AGENT_DEV_NO_INSTALL",
        "CI",
        "TEST_DATABASE_URL",
        "TEST_REDIS_URL",
    ];
    let names = names();
    let unknown = explained
        .difference(&names)
        .filter(|name| !tools.contains(name));
    let unknown: Vec<_> = unknown.collect();
    assert!(unknown.is_empty(), "in the README only: {unknown:?}");
}

/// Loading with nothing but a production-grade name gives every fault that a binary has.
fn faults_in_production() -> [String; 2] {
    let env = Env::from_pairs([("RGB_ENV".to_owned(), "production".to_owned())]);
    let api = ApiSettings::load(&env).expect_err("the API must not start");
    let worker = WorkerSettings::load(&env).expect_err("the worker must not start");
    [api.to_string(), worker.to_string()]
}

#[test]
fn p010_the_service_names_what_it_depends_on_before_it_starts() {
    let [api, _] = faults_in_production();
    for needed in [
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_PRIVATE_KEY",
        "AES_KEY",
        "PASSWORD_SALT",
    ] {
        assert!(api.contains(needed), "{needed} is not in:\n{api}");
    }
}

#[test]
fn p103_p104_p105_q07_production_needs_salt_key_and_iv_in_both_binaries() {
    for faults in faults_in_production() {
        for needed in ["PASSWORD_SALT", "AES_KEY", "AES_IV"] {
            let line = faults.lines().find(|line| line.starts_with(needed));
            let line = line.unwrap_or_else(|| panic!("{needed} is not in:\n{faults}"));
            assert!(line.contains("AesPiiKeysMisconfigured"), "{line}");
        }
    }
}

/// One environment file serves both binaries, and both find the same servers in it.
#[test]
fn p002_both_binaries_use_the_same_database_and_redis() {
    let pairs = [
        ("DATABASE_URL", "postgres://app:pw@db.example:5432/agents"),
        ("REDIS_URL", "redis://cache.example:6379/3"),
        ("MULTI_BRAND_ENFORCEMENT", "enforce"),
    ];
    let env = Env::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let api = ApiSettings::load(&env).unwrap_or_else(|errors| panic!("{errors}"));
    let worker = WorkerSettings::load(&env).unwrap_or_else(|errors| panic!("{errors}"));
    let database = |settings| agent_services::wiring::db_settings(settings, "test").url;
    assert_eq!(database(&api.database), database(&worker.database));
    assert_eq!(
        api.redis.url.expose_secret(),
        worker.redis.url.expose_secret()
    );
    assert_eq!(api.redis.channel_prefix, worker.redis.channel_prefix);
    // One schema: one chain of migrations, compiled in at one place.
    assert_eq!(
        crate::source::files_with(&["sqlx::migrate!("]),
        ["crates/persistence/src/migrate.rs"]
    );
}
