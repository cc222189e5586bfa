//! What the application role may do, table by table (P-153, Q-93).

use std::collections::HashSet;

use agent_testkit::TestApp;

use super::{application, refusal};
use crate::brand::rights::roles_of;

/// Beyond SELECT, which it has everywhere: I insert, U update, D delete. A table that is missing
/// here may only be read.
const RIGHTS: [(&str, &str); 20] = [
    ("admin_audit", "I"),
    ("agent", "IU"),
    ("agent_account", "IU"),
    ("agent_bank_card", "IU"),
    ("agent_coupon_quota", "IU"),
    ("agent_ledger", "I"),
    ("agent_login_log", "I"),
    ("agent_outbox", "I"),
    ("agent_outbox_pending", "IUD"),
    ("agent_provider_percentage", "I"),
    ("agent_recovery", "IUD"),
    ("agent_refresh_token", "IUD"),
    ("agent_stat_daily", "IUD"),
    ("agent_withdraw", "IU"),
    ("coupon", "IU"),
    ("coupon_log", "I"),
    ("idempotency_key", "IUD"),
    ("message_read", "I"),
    ("outbox_lease", "U"),
    ("outbox_worker", "IUD"),
];

/// Written by both this service's roll-up and other services' statistics.
const STAT_DIRTY: (&str, &str) = ("stat_dirty", "IUD");
/// Written by the roll-up alone.
const ROLL_UP: [(&str, &str); 4] = [
    ("agent_active_daily", "IUD"),
    ("agent_provider_stat_daily", "IUD"),
    ("stat_dirty_active", "ID"),
    ("stat_rebuild", "D"),
];
const RECOVERY_AUDIT: (&str, &str) = ("recovery_audit", "I");

#[tokio::test]
async fn p153_q93_the_application_has_these_rights_and_no_others() {
    let app = TestApp::spawn().await;
    let rights = "SELECT string_agg(c.relname || ' ' || granted, ',' ORDER BY c.relname) FROM pg_class c, LATERAL ( \
                      SELECT string_agg(letter, '' ORDER BY at) AS granted FROM (VALUES \
                          (1, 'I', 'INSERT'), (2, 'U', 'UPDATE'), (3, 'D', 'DELETE'), (4, 'T', 'TRUNCATE'), \
                          (5, 'X', 'TRIGGER'), (6, 'R', 'REFERENCES')) p (at, letter, privilege) \
                      WHERE has_table_privilege('agent_service_app', c.oid, privilege)) g \
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                    AND granted IS NOT NULL";
    let mut expected: Vec<String> = RIGHTS
        .into_iter()
        .chain([STAT_DIRTY, RECOVERY_AUDIT])
        .chain(ROLL_UP)
        .map(|(table, granted)| format!("{table} {granted}"))
        .collect();
    expected.sort();
    assert_eq!(app.text(rights).await, expected.join(","));
    let attributes = "SELECT concat_ws(' ', rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls) \
                      FROM pg_roles WHERE rolname = 'agent_service_app'";
    assert_eq!(app.text(attributes).await, "f f f f f f");
    let owned = "SELECT count(*) FROM pg_class WHERE relowner = 'agent_service_app'::regrole";
    assert_eq!(app.count(owned).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn p153_every_connection_of_the_api_works_with_the_withheld_rights() {
    let app = TestApp::spawn().await;
    let brand = app.brand("rights").await;
    let agent = app.agent("rights", &[&brand]).await;
    let report = app.app.core.db.role_report().await.unwrap();
    assert_eq!(
        (report.role.as_str(), report.excess.as_slice()),
        ("agent_service_app", &[][..])
    );
    // All connections of the pool at once.
    assert_eq!(roles_of(&app, 10).await, HashSet::from([report.role]));
    let member = format!("agent_id = {} AND brand_id = {}", agent.guid, brand.id);
    for statement in [
        format!(
            "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ({}, {}, 'enabled')",
            agent.guid, brand.id
        ),
        format!("UPDATE agent_brand SET status = 'disabled' WHERE {member}"),
        format!("DELETE FROM agent_brand WHERE {member}"),
        "TRUNCATE agent_brand CASCADE".to_owned(),
        "UPDATE brand SET withdraw_min = 0".to_owned(),
        "INSERT INTO brand_domain (domain, brand_id, kind) VALUES ('evil.test', 1, 'agent')"
            .to_owned(),
        "UPDATE agent_setting SET max_open_withdrawals = 99".to_owned(),
        "UPDATE agent_domain SET agent_id = 1".to_owned(),
        "UPDATE bank SET name = 'x'".to_owned(),
        "UPDATE player SET agent_id = 1".to_owned(),
        "DELETE FROM agent".to_owned(),
        "DELETE FROM agent_withdraw".to_owned(),
        "SELECT setval('agent_withdraw_no_seq', 1)".to_owned(),
        "SELECT pg_read_file('/etc/passwd')".to_owned(),
        "COPY agent TO PROGRAM 'true'".to_owned(),
    ] {
        assert_eq!(
            refusal(application(&app), &statement).await.0,
            "42501",
            "{statement}"
        );
    }
    app.finish().await;
}
