//! Logs that only grow, for the owner of the tables too (P-191).

use agent_testkit::TestApp;

use super::{application, refusal};

const DENIED: &str = "42501";

/// Each append-only table, and a row for it.
const TABLES: [(&str, &str); 4] = [
    (
        "recovery_audit",
        "INSERT INTO recovery_audit (subject_type, brand_id, action, outcome, created_at) \
         VALUES ('agent', 0, 'REQUEST', 'SUCCESS', now())",
    ),
    (
        "admin_audit",
        "INSERT INTO admin_audit (operator_id, resource, resource_id, action, brand_id, created_at) \
         VALUES ('agent:1', 'agent', '1', 'AGENT_EDIT_PHONE', 1, now())",
    ),
    ("agent_ledger", ""),
    (
        "player_attribution_log",
        "INSERT INTO player (player_id, brand_id, username, registered_at) VALUES (1, 1, 'p', now()); \
         INSERT INTO player_attribution_log (player_id, reason, actor) VALUES (1, 'r', 'a')",
    ),
];

/// An API whose append-only tables all hold a row.
async fn written() -> TestApp {
    let app = TestApp::spawn().await;
    let brand = app.brand("logs").await;
    app.payee("logs", &brand, "100").await;
    for (table, row) in TABLES {
        app.as_owner(row).await;
        assert!(
            app.count(&format!("SELECT count(*) FROM {table}")).await > 0,
            "{table}"
        );
    }
    app
}

async fn content(app: &TestApp, table: &str) -> String {
    app.text(&format!(
        "SELECT string_agg(t::text, '|' ORDER BY id) FROM {table} t"
    ))
    .await
}

#[tokio::test]
async fn p191_the_owner_cannot_change_or_delete_a_row() {
    let app = written().await;
    for (table, _) in TABLES {
        let before = content(&app, table).await;
        for statement in [
            format!("UPDATE {table} SET created_at = now()"),
            format!("UPDATE {table} SET id = DEFAULT WHERE false"),
            format!("DELETE FROM {table}"),
            format!("DELETE FROM {table} WHERE false"),
            format!("TRUNCATE {table}"),
            format!("TRUNCATE {table} CASCADE"),
            format!("TRUNCATE {table} RESTART IDENTITY CASCADE"),
            format!("WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT count(*) FROM gone"),
            format!("MERGE INTO {table} t USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE"),
        ] {
            assert_eq!(
                refusal(&app.owner, &statement).await.0,
                DENIED,
                "{statement}"
            );
        }
        assert_eq!(content(&app, table).await, before, "{table}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p191_no_table_that_they_point_to_takes_them_along() {
    let app = written().await;
    let before = content(&app, "agent_ledger").await;
    for table in ["agent_account", "agent", "brand", "player"] {
        let statement = format!("TRUNCATE {table} CASCADE");
        assert_eq!(
            refusal(&app.owner, &statement).await.0,
            DENIED,
            "{statement}"
        );
    }
    assert_eq!(content(&app, "agent_ledger").await, before);
    app.finish().await;
}

#[tokio::test]
async fn p191_the_application_cannot_get_round_it() {
    let app = written().await;
    for (table, _) in TABLES {
        for statement in [
            format!("UPDATE {table} SET created_at = now()"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("DROP TRIGGER {table}_append_only ON {table}"),
            format!("DROP TABLE {table} CASCADE"),
            format!("ALTER TABLE {table} RENAME TO other"),
            format!("CREATE RULE quiet AS ON DELETE TO {table} DO INSTEAD NOTHING"),
            format!(
                "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_change()"
            ),
        ] {
            assert_eq!(
                refusal(application(&app), &statement).await.0,
                DENIED,
                "{statement}"
            );
        }
    }
    // Refused by a warning only, so what counts is that nothing came of it.
    let grant = "GRANT ALL ON recovery_audit, admin_audit, agent_ledger TO agent_service_app";
    sqlx::query(grant).execute(application(&app)).await.ok();
    assert_eq!(
        refusal(application(&app), "DELETE FROM recovery_audit")
            .await
            .0,
        DENIED
    );
    for statement in [
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "ALTER FUNCTION refuse_change() RENAME TO other",
        "CREATE TABLE shadow (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
    ] {
        assert_eq!(
            refusal(application(&app), statement).await.0,
            DENIED,
            "{statement}"
        );
    }
    app.finish().await;
}

/// Events are dropped by the day, never one by one.
#[tokio::test]
async fn q94_events_are_not_changed_or_deleted() {
    let app = TestApp::spawn().await;
    let brand = app.brand("events").await;
    app.payee("events", &brand, "100").await;
    let statements = [
        "UPDATE agent_outbox SET payload = '{}'",
        "DELETE FROM agent_outbox",
    ];
    for statement in statements {
        assert_eq!(
            refusal(&app.owner, statement).await.0,
            DENIED,
            "{statement}"
        );
        assert_eq!(
            refusal(application(&app), statement).await.0,
            DENIED,
            "{statement}"
        );
    }
    assert_eq!(
        refusal(application(&app), "TRUNCATE agent_outbox").await.0,
        DENIED
    );
    let partition = app
        .text("SELECT tableoid::regclass::text FROM agent_outbox")
        .await;
    for statement in [
        "DELETE FROM",
        "UPDATE",
        "TRUNCATE",
        "DROP TABLE",
        "INSERT INTO",
    ] {
        let rest = match statement {
            "UPDATE" => " SET payload = '{}'",
            "INSERT INTO" => " SELECT * FROM agent_outbox",
            _ => "",
        };
        let statement = format!("{statement} {partition}{rest}");
        assert_eq!(
            refusal(application(&app), &statement).await.0,
            DENIED,
            "{statement}"
        );
    }
    app.finish().await;
}
