//! What the application's role may not do, whatever its code tries (P-153, Q-93).

use std::collections::HashSet;

use agent_testkit::TestApp;
use futures_util::future::try_join_all;

/// Runs a statement as the application does and gives the SQLSTATE of its refusal.
async fn refusal(app: &TestApp, statement: &str) -> Option<String> {
    let pool = app.app.core.db.pool();
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    let error = sqlx::raw_sql(statement).execute(pool).await.err()?;
    let error = error.into_database_error().unwrap();
    Some(error.code().unwrap().into_owned())
}

async fn assert_refused(app: &TestApp, statement: &str) {
    let told = refusal(app, statement).await;
    // insufficient_privilege, from the rights and not from a trigger
    assert_eq!(told.as_deref(), Some("42501"), "{statement}");
}

#[tokio::test]
async fn p153_tables_of_the_admin_service_are_read_only() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("reader", &[&brand]).await;
    app.setting(&agent, &brand, "max_open_withdrawals = 1")
        .await;
    for table in [
        "agent_brand",
        "brand",
        "brand_domain",
        "agent_setting",
        "agent_domain",
        "bank",
        "provider",
        "brand_provider",
        "player",
        "coupon_template",
    ] {
        let read = format!("SELECT count(*) FROM {table}");
        assert_eq!(refusal(&app, &read).await, None, "{table} is read");
        for statement in [
            format!("INSERT INTO {table} DEFAULT VALUES"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
            format!("DROP TABLE {table} CASCADE"),
            format!("ALTER TABLE {table} ADD COLUMN more int"),
        ] {
            assert_refused(&app, &statement).await;
        }
    }
    for statement in [
        "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES (1, 1, 'enabled')",
        "UPDATE agent_brand SET status = 'enabled'",
        "UPDATE brand SET withdraw_min = 0",
        "UPDATE brand_domain SET brand_id = 1",
        "UPDATE agent_setting SET min_withdrawal_limit = 0",
        "UPDATE agent_domain SET brand_id = 1",
    ] {
        assert_refused(&app, statement).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn p191_q93_what_was_written_for_good_stays() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("writer", &[&brand]).await;
    app.credit(&agent, &brand, "10").await;
    for (table, column) in [
        ("admin_audit", "created_at"),
        ("recovery_audit", "created_at"),
        ("agent_ledger", "amount"),
        ("agent_outbox", "occurred_at"),
        ("agent_outbox_default", "occurred_at"),
    ] {
        for statement in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE {table} CASCADE"),
        ] {
            assert_refused(&app, &statement).await;
        }
    }
    for statement in [
        "DROP TRIGGER admin_audit_append_only ON admin_audit",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TABLE mine (id int)",
        "SET session_replication_role = replica",
        "DELETE FROM agent",
        "DELETE FROM agent_account",
        "DELETE FROM agent_withdraw",
        "UPDATE agent_login_log SET outcome = 'success'",
    ] {
        assert_refused(&app, statement).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn p191_even_the_owner_does_not_change_audit_rows_by_mistake() {
    let app = TestApp::spawn().await;
    let statement = "INSERT INTO admin_audit (operator_id, resource, resource_id, action, brand_id, created_at) \
                     VALUES ('testkit', 'agent', '1', 'TEST', 0, now())";
    sqlx::query(statement).execute(&app.owner).await.unwrap();
    for table in ["admin_audit", "recovery_audit", "agent_ledger"] {
        for statement in [
            format!("UPDATE {table} SET created_at = now()"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            let statement = sqlx::AssertSqlSafe(statement);
            let refused = sqlx::raw_sql(statement).execute(&app.owner).await;
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{table}: {error}");
        }
    }
    app.finish().await;
}

/// The roles that so many connections of the API work as.
pub(crate) async fn roles_of(app: &TestApp, connections: usize) -> HashSet<String> {
    let pool = app.app.core.db.pool();
    // Held for so long that each is asked on a connection of its own.
    let question = "SELECT current_user::text, pg_backend_pid() FROM pg_sleep(0.3)";
    let asked = (0..connections).map(|_| sqlx::query_as(question).fetch_one(pool));
    let answers: Vec<(String, i32)> = try_join_all(asked).await.unwrap();
    let processes: HashSet<i32> = answers.iter().map(|(_, process)| *process).collect();
    assert_eq!(processes.len(), connections);
    answers.into_iter().map(|(role, _)| role).collect()
}

#[tokio::test]
async fn q93_every_connection_works_under_the_application_role() {
    let app = TestApp::spawn().await;
    let report = app.app.core.db.role_report().await.unwrap();
    assert_eq!(report.role, "agent_service_app");
    assert_eq!(report.excess, Vec::<String>::new());
    assert_eq!(roles_of(&app, 5).await, HashSet::from([report.role]));
    app.finish().await;
}

#[tokio::test]
async fn p150_p152_membership_is_recorded_in_one_table() {
    let app = TestApp::spawn().await;
    let on_agent = "SELECT count(*) FROM information_schema.columns \
                    WHERE table_name = 'agent' AND column_name LIKE '%brand%'";
    assert_eq!(app.count(on_agent).await, 0);
    let brand = app.brand("a").await;
    let agent = app.agent("member", &[]).await;
    // Money, a setting-to-be and a session on a brand make nobody its member.
    app.credit(&agent, &brand, "10").await;
    let refused = app.try_login(&brand.host, "member", &agent.password).await;
    refused.assert_problem(403, "brand_forbidden");
    app.finish().await;
}
