//! What must be there, where, and that all of it is named at once.

use agent_domain::EnforcementMode;

use super::fixture::{Vars, names};
use crate::Env;

#[test]
fn p100_p101_p106_the_api_names_everything_that_is_missing_at_once() {
    let errors = crate::ApiSettings::load(&Env::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "DATABASE_URL: is required\n\
         REDIS_URL: is required\n\
         MULTI_BRAND_ENFORCEMENT: is required: off, observe or enforce"
    );
}

#[test]
fn p100_p101_the_worker_names_everything_that_is_missing_at_once() {
    let errors = crate::WorkerSettings::load(&Env::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "DATABASE_URL: is required\nREDIS_URL: is required"
    );
}

#[test]
fn an_empty_or_blank_variable_counts_as_unset() {
    for blank in ["", " ", "\t\n"] {
        let vars = Vars::minimal()
            .set("DATABASE_URL", blank)
            .set("DB_POOL_MAX", blank);
        assert_eq!(vars.api_faults(), ["DATABASE_URL: is required"]);
    }
}

#[test]
fn p106_the_enforcement_mode_is_one_of_three_words() {
    for (word, mode) in [
        ("off", EnforcementMode::Off),
        ("observe", EnforcementMode::Observe),
        ("enforce", EnforcementMode::Enforce),
    ] {
        let vars = Vars::minimal().set("MULTI_BRAND_ENFORCEMENT", word);
        assert_eq!(vars.api().unwrap().brand_enforcement, mode);
    }
    for word in [
        "Enforce", "ENFORCE", "enforce ", "on", "true", "1", "enforced",
    ] {
        let vars = Vars::minimal().set("MULTI_BRAND_ENFORCEMENT", word);
        assert_eq!(
            vars.api_faults(),
            ["MULTI_BRAND_ENFORCEMENT: must be exactly one of off, observe, enforce"],
            "{word}"
        );
    }
}

#[test]
fn p102_p110_production_needs_the_root_key_and_the_token_key() {
    let vars = Vars::production()
        .unset("SECRET_KEY")
        .unset("JWT_PRIVATE_KEY");
    assert_eq!(names(&vars.api_faults()), ["SECRET_KEY", "JWT_PRIVATE_KEY"]);
    assert_eq!(names(&vars.worker_faults()), ["SECRET_KEY"]);
}

#[test]
fn q10_elsewhere_the_keys_may_be_missing() {
    let settings = Vars::minimal().api().unwrap();
    assert!(settings.keys.secret_key.is_none());
    assert!(settings.keys.aes_key.is_none() && settings.keys.aes_iv.is_none());
    assert!(settings.keys.password_salt.is_none());
    assert!(settings.jwt.private_key.is_none());
    Vars::minimal().worker().unwrap();
}

#[test]
fn production_starts_with_everything_set() {
    let settings = Vars::production().api().unwrap();
    assert!(settings.environment.is_prod_grade());
    assert!(settings.keys.secret_key.is_some());
    assert!(settings.keys.aes_key.is_some() && settings.keys.aes_iv.is_some());
    Vars::production().worker().unwrap();
}

#[test]
fn faults_of_every_kind_come_out_together() {
    let vars = Vars::production()
        .set("REDIS_URL", "http://cache")
        .set("MULTI_BRAND_ENFORCEMENT", "maybe")
        .set("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on")
        .set("RECOVERY_TOKEN_TTL_MINUTES", "0")
        .set("HTTP_LISTEN", "everywhere")
        .set("AES_IV", "short")
        .unset("DATABASE_URL")
        .unset("AES_KEY")
        .unset("SECRET_KEY");
    assert_eq!(
        names(&vars.api_faults()),
        [
            "DATABASE_URL",
            "REDIS_URL",
            "SECRET_KEY",
            "AES_KEY",
            "AES_IV",
            "MULTI_BRAND_ENFORCEMENT",
            "RECOVERY_TOKEN_TTL_MINUTES",
            "RECOVERY_EXPOSE_TOKEN_FOR_TESTS",
            "HTTP_LISTEN",
        ]
    );
}

#[test]
fn q66_the_worker_never_looks_at_the_token_key() {
    let vars = Vars::production()
        .set("JWT_PRIVATE_KEY", "x")
        .set("JWT_PRIVATE_KEY_FILE", "/nowhere");
    let settings = vars.worker().unwrap();
    let read = |name: &&(&str, String)| name.0.starts_with("JWT_");
    assert_eq!(settings.redacted().iter().find(read), None);
    assert_eq!(names(&vars.api_faults())[0], "JWT_PRIVATE_KEY");
}

#[test]
fn p114_brand_signing_key_changes_nothing() {
    let plain = Vars::production();
    let with_key = plain
        .clone()
        .set("BRAND_SIGNING_KEY", "x")
        .set("BRAND_SIGNING_KEY_FILE", "/nowhere");
    let (plain, with_key) = (plain.api().unwrap(), with_key.api().unwrap());
    assert_eq!(plain.redacted(), with_key.redacted());
    assert_eq!(plain.warnings(), with_key.warnings());
}

#[test]
fn p120_q17_the_poller_switch_is_the_workers_alone() {
    let vars = Vars::minimal().set("ENABLE_OUTBOX_POLLER", "perhaps");
    vars.api().unwrap();
    assert_eq!(
        vars.worker_faults(),
        ["ENABLE_OUTBOX_POLLER: must be on or off"]
    );
    for (word, enabled) in [("on", true), ("off", false)] {
        let vars = Vars::minimal().set("ENABLE_OUTBOX_POLLER", word);
        assert_eq!(vars.worker().unwrap().outbox.enabled, enabled);
    }
    assert!(Vars::minimal().worker().unwrap().outbox.enabled);
}

#[test]
fn p122_the_reserved_host_is_accepted_whatever_it_is() {
    let vars = Vars::minimal().set("ADMIN_SERVER_HOST", "http://admin:8080/x");
    let host = vars.api().unwrap().internal.admin_server_host;
    assert_eq!(host.as_deref(), Some("http://admin:8080/x"));
}
