//! What only certain places may do, by looking at the sources.

use crate::source;

/// Places that hold one of the texts, beside those under the given prefixes.
fn strays(texts: &[&str], allowed: &[&str]) -> Vec<&'static str> {
    let mut found = source::files_with(texts);
    found.retain(|path| !allowed.iter().any(|prefix| path.starts_with(prefix)));
    found
}

#[test]
fn only_config_and_the_tools_read_the_environment() {
    let reads = ["env::var(", "env::vars(", "env::var_os(", "env::vars_os("];
    let allowed = [
        "crates/config/src/env.rs",
        "crates/devenv/",
        "crates/testkit/",
        "crates/xtask/",
    ];
    assert_eq!(strays(&reads, &allowed), [""; 0]);
    let api = source::code("crates/config/src/env.rs");
    assert!(
        api.contains("env::vars_os("),
        "the scan finds nothing any more"
    );
}

#[test]
fn only_the_wiring_of_the_services_knows_settings() {
    let mut users = source::files_with(&["agent_config::"]);
    users.retain(|path| path.starts_with("crates/services/"));
    assert_eq!(users, ["crates/services/src/wiring.rs"]);
}

/// A `BrandScope` is a proof only as long as few places can make one.
#[test]
fn p154_brand_scopes_are_granted_in_few_places() {
    let mut callers = source::files_with(&["BrandScope::granted("]);
    callers.retain(|path| !path.starts_with("crates/testkit/"));
    // The guard after its check; the operators' commands of development, which act for no agent.
    assert_eq!(
        callers,
        [
            "crates/brand/src/guard.rs",
            "crates/chaos/src/stage/world.rs",
            "crates/lab/src/lookup.rs"
        ]
    );
}

#[test]
fn principals_are_made_by_the_session_alone() {
    let made = source::files_with(&["Principal {", "Proofs {"]);
    let known = [
        // Pattern matches on the proofs, and the two places that make them.
        "crates/routes/src/extract/proof.rs",
        "crates/routes/src/middleware/sign_in.rs",
        "crates/services/src/session.rs",
    ];
    assert_eq!(made, known);
}

#[test]
fn transactions_begin_in_services_alone() {
    let begins = [
        "db.begin()",
        "db.snapshot()",
        "db.report()",
        ".begin().await",
        ".begin_with(",
    ];
    let allowed = [
        "crates/services/",
        "crates/persistence/src/db.rs",
        "crates/chaos/",
        "crates/lab/",
        "crates/testkit/",
    ];
    assert_eq!(strays(&begins, &allowed), [""; 0]);
}

/// The changes that have to be in the audit log are methods of the proof that they are.
#[test]
fn accounts_passwords_orders_and_shares_change_only_through_the_audited_transaction() {
    let writes = [
        "UPDATE agent_account",
        "INSERT INTO agent_ledger",
        "INSERT INTO agent_withdraw",
        "UPDATE agent_withdraw",
        "INSERT INTO coupon (",
        "UPDATE coupon SET",
        "INSERT INTO coupon_log",
        "UPDATE agent_coupon_quota",
        "INSERT INTO agent_provider_percentage",
        "SET password_hash = $2",
        "SET phone_num",
        "SET payout_password_hash",
        "SET bank_id",
        "INSERT INTO agent_bank_card",
        "UPDATE agent_bank_card",
    ];
    let audited = [
        ("crates/persistence/src/audit.rs", "SET password_hash = $2"),
        (
            "crates/persistence/src/portal/account.rs",
            "INSERT INTO agent_ledger",
        ),
        (
            "crates/persistence/src/portal/provider.rs",
            "INSERT INTO agent_provider_percentage",
        ),
        (
            "crates/persistence/src/portal/coupon_grant.rs",
            "INSERT INTO coupon (",
        ),
        (
            "crates/persistence/src/portal/coupon_grant.rs",
            "UPDATE agent_coupon_quota",
        ),
        (
            "crates/persistence/src/portal/coupon_recycle.rs",
            "UPDATE coupon SET",
        ),
        (
            "crates/persistence/src/portal/coupon_recycle.rs",
            "UPDATE agent_coupon_quota",
        ),
        (
            "crates/persistence/src/portal/withdraw.rs",
            "INSERT INTO agent_withdraw",
        ),
        (
            "crates/persistence/src/portal/withdraw_transition.rs",
            "UPDATE agent_withdraw",
        ),
        ("crates/persistence/src/portal/edit.rs", "SET phone_num"),
        (
            "crates/persistence/src/portal/edit.rs",
            "SET payout_password_hash",
        ),
        ("crates/persistence/src/portal/edit.rs", "SET bank_id"),
        (
            "crates/persistence/src/portal/bank.rs",
            "INSERT INTO agent_bank_card",
        ),
        (
            "crates/persistence/src/portal/bank.rs",
            "UPDATE agent_bank_card",
        ),
    ];
    // The backfill writes the same values in another form; coupons expire by themselves.
    let elsewhere = [
        "crates/chaos/src/stage/world.rs",
        "crates/lab/src/bench/agents.rs",
        "crates/lab/src/seed/",
        "crates/persistence/src/pii/",
        "crates/persistence/src/portal/coupon_expiry.rs",
        "crates/testkit/",
    ];
    let allowed: Vec<&str> = audited
        .iter()
        .map(|(file, _)| *file)
        .chain(elsewhere)
        .collect();
    assert_eq!(strays(&writes, &allowed), [""; 0]);
    for (file, write) in audited {
        let code = source::code(file);
        let methods = code.find("AuditedTx<'").expect("methods of the proof");
        let at = code.find(write).expect("the statement");
        assert!(
            at > methods,
            "{write} stands before the methods of AuditedTx"
        );
    }
}

/// Membership is written by the admin service; here it is read.
#[test]
fn p152_p153_no_product_code_writes_what_the_admin_service_owns() {
    let tables = [
        "agent_brand",
        "agent_setting",
        "agent_domain",
        "brand",
        "brand_domain",
        "brand_provider",
    ];
    for table in tables {
        for verb in ["INSERT INTO", "UPDATE", "DELETE FROM", "TRUNCATE"] {
            let writes = [format!("{verb} {table} "), format!("{verb} {table}\n")];
            let writes: Vec<&str> = writes.iter().map(String::as_str).collect();
            let allowed = ["crates/chaos/", "crates/lab/", "crates/testkit/"];
            assert_eq!(strays(&writes, &allowed), [""; 0], "{verb} {table}");
        }
    }
    // Membership itself is in one table; nobody keeps a second list.
    assert_eq!(
        source::files_with(&["FROM agent_brand"])
            .into_iter()
            .filter(|path| !path.starts_with("crates/lab/"))
            .collect::<Vec<_>>(),
        ["crates/persistence/src/brand.rs"]
    );
}

#[test]
fn p092_nothing_that_is_shipped_reads_a_stream() {
    let reads = ["XREAD", "XGROUP", "XAUTOCLAIM", "xread", "xgroup"];
    assert_eq!(strays(&reads, &["crates/lab/", "crates/testkit/"]), [""; 0]);
}

#[test]
fn p091_only_the_relay_appends_to_the_stream() {
    // The bench appends to a stream of its own, to know what is possible.
    let appends = source::files_with(&["XADD", "xadd"]);
    assert_eq!(
        appends,
        [
            "crates/kv/src/stream.rs",
            "crates/lab/src/bench/relay/bare.rs"
        ]
    );
    let callers = source::files_with(&["kv.append("]);
    assert_eq!(callers, ["crates/services/src/outbox_relay/mod.rs"]);
}

#[test]
fn p114_the_brand_signing_key_is_nowhere() {
    assert_eq!(
        source::files_with(&["BRAND_SIGNING_KEY", "X-Brand-Signature"]),
        [""; 0]
    );
    let names = agent_config::VARIABLES.iter().map(|variable| variable.name);
    assert!(names.into_iter().all(|name| name != "BRAND_SIGNING_KEY"));
}

/// The two binaries share one guard (the same as the players' service has).
#[test]
fn p144_the_guard_of_keys_is_one_function() {
    let call = "assert_aes_pii_keys_configured(";
    let mut users = source::files_with(&[call]);
    users.retain(|path| *path != "crates/config/src/guard.rs");
    assert_eq!(users, ["crates/config/src/section/keys.rs"]);
    let settings = source::code("crates/config/src/settings.rs");
    assert_eq!(settings.matches("KeySettings::read(").count(), 2);
}

#[test]
fn no_file_is_named_after_nothing() {
    let nothing = [
        "utils", "util", "helpers", "helper", "misc", "manager", "common",
    ];
    for path in crate::tree::files_under("", ".rs") {
        let stem = path
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".rs"));
        // `/agent/common/*` is a feature of that name.
        let feature = path.ends_with("/portal/common.rs");
        let named = stem.is_none_or(|stem| !nothing.contains(&stem));
        assert!(named || feature, "{path}");
    }
}
