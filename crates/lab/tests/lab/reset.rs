//! `seed --reset`.

use agent_testkit::TestApp;

use crate::support::{lab, rows, seeded_small};

#[tokio::test]
async fn reset_begins_anew_and_puts_the_guards_back() {
    let app = seeded_small().await;
    let names = "SELECT username FROM agent ORDER BY guid";
    let before: Vec<(String,)> = rows(&app, names).await;
    lab(&app, &["account", "credit", "demo_agent", "brand-a", "1"])
        .await
        .ok();
    sqlx::query("UPDATE agent SET username = 'renamed' WHERE username = 'demo_sub'")
        .execute(&app.owner)
        .await
        .unwrap();
    lab(&app, &["seed", "--reset", "--agents", "20"]).await.ok();
    assert_eq!(rows::<(String,)>(&app, names).await, before);
    let left: Vec<(i64, i64, i64)> = rows(
        &app,
        "SELECT (SELECT count(*) FROM admin_audit), (SELECT count(*) FROM agent_outbox), \
                (SELECT count(*) FROM outbox_lease)",
    )
    .await;
    assert_eq!(left, [(0, 0, 16)]);
    for statement in [
        "DELETE FROM agent_ledger",
        "TRUNCATE admin_audit",
        "UPDATE recovery_audit SET outcome = ''",
    ] {
        let refused = sqlx::query(statement)
            .execute(&app.owner)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    app.finish().await;
}

#[tokio::test]
async fn reset_spares_a_database_without_demo_data() {
    let app = TestApp::spawn().await;
    let brand = app.brand("mine").await;
    app.agent("precious", &[&brand]).await;
    lab(&app, &["seed", "--reset"])
        .await
        .failed(1, "is not emptied");
    let agents: Vec<(String,)> = rows(&app, "SELECT username FROM agent").await;
    assert_eq!(agents, [("precious".to_owned(),)]);
    // Beside what is there it does seed.
    lab(&app, &["seed", "--agents", "20"]).await.ok();
    let agents: Vec<(i64,)> = rows(&app, "SELECT count(*) FROM agent").await;
    assert_eq!(agents, [(21,)]);
    app.finish().await;
}
