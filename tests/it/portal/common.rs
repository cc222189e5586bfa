//! What frontends need to start (P-070, Q-27).

use agent_testkit::{Answer, TestApp};
use serde_json::json;

#[tokio::test]
async fn p070_q27_limits_are_the_agents_own_else_the_brands() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("limited", &[&a, &b]).await;
    let other = app.agent("other", &[&a]).await;
    app.setting(&other, &a, "min_withdrawal_limit = 1").await;
    let session = app.login(&a.host, "limited", &agent.password).await;
    let path = "/agent/common/agent_min_withdrawal_limit";
    let limits =
        |min: &str, max: &str| json!({ "min_amount": min, "max_amount": max, "currency": "THB" });
    assert_eq!(
        session.get(path).await.body,
        limits("500.0000", "50000.0000")
    );
    app.setting(&agent, &a, "min_withdrawal_limit = 750.5")
        .await;
    assert_eq!(
        session.get(path).await.body,
        limits("750.5000", "50000.0000")
    );
    app.setting(&agent, &a, "max_withdrawal_limit = 900").await;
    assert_eq!(session.get(path).await.body, limits("750.5000", "900.0000"));
    // What is set on one brand holds on that one.
    let request = app.request("GET", &b.host, path);
    let elsewhere = Answer::of(request.bearer_auth(&session.access_token)).await;
    assert_eq!(elsewhere.body, limits("500.0000", "50000.0000"));
    app.finish().await;
}

#[tokio::test]
async fn p160_the_brand_of_a_host_is_told_to_anybody() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let request = app.request("GET", &brand.host, "/agent/common/brand");
    let answer = Answer::of(request).await;
    assert_eq!(
        answer.body,
        json!({
            "code": "a", "name": "Brand a", "logo_url": null, "timezone": "Asia/Bangkok",
            "currency": "THB",
        })
    );
    let nobodys = app.request("GET", "nobodys.test", "/agent/common/brand");
    Answer::of(nobodys).await.assert_problem(404, "not_found");
    app.finish().await;
}

/// The names that a column may hold, without those given.
async fn names_of(app: &TestApp, table: &str, column: &str, without: &[&str]) -> Vec<String> {
    let statement = "SELECT m[1] FROM pg_constraint c, \
                     regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''::text', 'g') AS m \
                     WHERE c.conrelid = $1::text::regclass AND c.conname = $2";
    let names: Vec<String> = sqlx::query_scalar(statement)
        .bind(table)
        .bind(format!("{table}_{column}_check"))
        .fetch_all(&app.owner)
        .await
        .unwrap();
    let shown = |name: &String| !without.contains(&name.as_str());
    let mut names: Vec<String> = names.into_iter().filter(shown).collect();
    names.sort();
    names
}

#[tokio::test]
async fn p040_q82_the_names_of_states_and_kinds_are_those_of_the_tables() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("curious", &[&brand]).await;
    let session = app.login(&brand.host, "curious", &agent.password).await;
    let told = session.get("/agent/common/enums").await.body;
    let told = told.as_object().unwrap();
    for (name, table, column, without) in [
        // Whoever is deleted is not shown.
        ("agent_status", "agent", "status", &["deleted"][..]),
        ("coupon_status", "coupon", "status", &[]),
        ("message_kind", "message", "kind", &[]),
        ("player_status", "player", "status", &[]),
        ("withdraw_status", "agent_withdraw", "status", &[]),
    ] {
        let mut names = told[name].as_array().unwrap().clone();
        names.sort_by_key(ToString::to_string);
        assert_eq!(
            json!(names),
            json!(names_of(&app, table, column, without).await),
            "{name}"
        );
    }
    assert_eq!(
        told["brand_status"],
        json!(["enabled", "disabled", "pending"])
    );
    assert_eq!(told.len(), 6);
    app.finish().await;
}

#[tokio::test]
async fn p040_domains_are_the_agents_own_on_this_brand() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let me = app.agent("me", &[&a, &b]).await;
    let child = app.agent_under("child", Some(me.guid), &[&a]).await;
    for (agent, brand, domain, status) in [
        (&me, &a, "z.example", "active"),
        (&me, &a, "a.example", "disabled"),
        (&me, &b, "b.example", "active"),
        (&child, &a, "child.example", "active"),
    ] {
        sqlx::query(
            "INSERT INTO agent_domain (agent_id, brand_id, domain, status, created_at) \
             VALUES ($1, $2, $3, $4, '2026-01-02T03:04:05Z')",
        )
        .bind(agent.guid.0)
        .bind(brand.id.0)
        .bind(domain)
        .bind(status)
        .execute(&app.owner)
        .await
        .unwrap();
    }
    let view = |domain: &str, status: &str| json!({ "domain": domain, "status": status, "created_at": "2026-01-02T03:04:05Z" });
    let (last, first) = (view("z.example", "active"), view("a.example", "disabled"));
    for (agent, brand, expected) in [
        (&me, &a, json!([last, first])),
        (&me, &b, json!([view("b.example", "active")])),
        (&child, &a, json!([view("child.example", "active")])),
    ] {
        let session = app
            .login(&brand.host, &agent.username, &agent.password)
            .await;
        let told = session.get("/agent/common/domains").await;
        assert_eq!(
            told.body,
            json!({ "items": expected }),
            "{}",
            agent.username
        );
    }
    app.finish().await;
}
