//! Migrating again, and at once, changes nothing.

use agent_persistence::migrate;
use agent_testkit::TestApp;
use futures_util::future::join_all;

/// Everything that migrations and grants decide, as one text.
const SCHEMA: &str = "
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT concat_ws(' ', c.relname, c.relkind, c.relacl) AS line FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attacl)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
        UNION ALL
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger
        WHERE NOT tgisinternal
        UNION ALL
        SELECT concat_ws(' ', proname, proacl, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', 'migration', version, success, encode(checksum, 'hex')) FROM _sqlx_migrations
        UNION ALL
        SELECT concat_ws(' ', 'schema', nspname, nspacl) FROM pg_namespace WHERE nspname = 'public'
    ) x";

#[tokio::test]
async fn q84_migrating_again_changes_nothing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("again").await;
    let payee = app.payee("again", &brand, "5000").await;
    let url = &app.environment()["DATABASE_URL"];
    let (schema, books) = (app.text(SCHEMA).await, app.books().await);
    assert!(schema.len() > 10_000, "the schema is compared, not nothing");
    for _ in 0..2 {
        migrate::run(url).await.unwrap();
        assert_eq!(app.text(SCHEMA).await, schema);
    }
    assert_eq!(app.books().await, books);
    assert!(migrate::is_current(&app.app.core.db).await.unwrap());
    payee.session.withdrawn("500", payee.card).await;
    app.finish().await;
}

#[tokio::test]
async fn q84_several_instances_may_migrate_at_once() {
    let app = TestApp::spawn().await;
    let schema = app.text(SCHEMA).await;
    let url = &app.environment()["DATABASE_URL"];
    for outcome in join_all((0..8).map(|_| migrate::run(url))).await {
        outcome.unwrap();
    }
    assert_eq!(app.text(SCHEMA).await, schema);
    app.finish().await;
}

/// A right that was given by hand is taken away again.
#[tokio::test]
async fn q93_migrating_restores_the_withheld_rights() {
    let app = TestApp::spawn().await;
    let schema = app.text(SCHEMA).await;
    app.as_owner("GRANT UPDATE, DELETE, TRUNCATE ON admin_audit, agent_brand TO agent_service_app")
        .await;
    let report = app.app.core.db.role_report().await.unwrap();
    assert_eq!(
        report.excess,
        ["may change admin_audit", "may write agent_brand"]
    );
    migrate::run(&app.environment()["DATABASE_URL"])
        .await
        .unwrap();
    assert_eq!(app.text(SCHEMA).await, schema);
    app.finish().await;
}
