//! Signing in (P-021, Q-22, Q-86).

use std::time::{Duration, Instant};

use agent_testkit::{AgentFixture, Answer, TestApp};

/// What a stranger can compare: status, names of headers, body without the request's name.
fn seen(answer: &Answer) -> (u16, Vec<String>, serde_json::Value) {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let mut body = answer.body.clone();
    body.as_object_mut().unwrap().remove("request_id").unwrap();
    (answer.status, names, body)
}

#[tokio::test]
async fn p021_a_right_password_opens_a_session() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let parent = app.agent("the_parent", &[&brand]).await;
    let agent = app.agent_under("demo", Some(parent.guid), &[&brand]).await;

    let answer = app.try_login(&brand.host, " Demo ", &agent.password).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 900);
    assert_eq!(
        answer.body["agent"],
        serde_json::json!({
            "guid": agent.guid.0, "username": "demo", "nick_name": "Nick demo", "level": 2,
            "parent_guid": parent.guid.0, "must_change_password": false,
        })
    );
    let logged = "SELECT count(*) FROM agent_login_log l JOIN agent a ON a.guid = l.agent_id \
                  WHERE a.username = 'demo' AND l.outcome = 'success' AND l.brand_id IS NOT NULL \
                  AND l.ip_hash IS NOT NULL AND l.ip_hash NOT LIKE '%127.0.0.1%' AND a.last_login_at = l.created_at";
    assert_eq!(app.count(logged).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn q103_a_password_that_must_be_changed_is_told() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("fresh", &[&brand]).await;
    sqlx::query("UPDATE agent SET must_change_password = true")
        .execute(&app.owner)
        .await
        .unwrap();
    let answer = app.try_login(&brand.host, "fresh", &agent.password).await;
    assert_eq!(answer.body["agent"]["must_change_password"], true);
    app.finish().await;
}

#[tokio::test]
async fn q86_unknown_wrong_and_deleted_are_one_answer() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let known = app.agent("known", &[&brand]).await;
    let gone = app.agent("gone", &[&brand]).await;
    app.set_agent(&gone, "status", "deleted").await;

    let wrong = app
        .try_login(&brand.host, &known.username, "not the password")
        .await;
    wrong.assert_problem(401, "invalid_credentials");
    for (username, password) in [
        ("nobody", "not the password"),
        (gone.username.as_str(), gone.password.as_str()),
        (gone.username.as_str(), "not the password"),
        ("  ", "not the password"),
    ] {
        let other = app.try_login(&brand.host, username, password).await;
        assert_eq!(seen(&other), seen(&wrong), "{username:?}");
    }
    // One row each; only the owner of the database learns which account was meant.
    let rows = "SELECT count(*) FROM agent_login_log WHERE outcome = 'invalid_credentials'";
    assert_eq!(app.count(rows).await, 5);
    let known = format!("{rows} AND agent_id = {}", known.guid);
    assert_eq!(app.count(&known).await, 1);
    assert_eq!(app.count(&format!("{rows} AND agent_id IS NULL")).await, 4);
    app.finish().await;
}

#[tokio::test]
async fn q86_unknown_names_cost_a_hash_too() {
    let costly = [("ARGON2_MEMORY_KIB", "32768"), ("ARGON2_TIME", "3")];
    let app = TestApp::with(&costly).await;
    let brand = app.brand("a").await;
    let known = app.agent("known", &[&brand]).await;
    let gone = app.agent("gone", &[&brand]).await;
    app.set_agent(&gone, "status", "deleted").await;

    // Taken in turns, and the fastest of each, so that a busy machine slows all or none; a login
    // without a hash would take a tenth.
    let names = ["nobody", &known.username, &gone.username];
    let mut hash = Duration::MAX;
    let mut logins = [Duration::MAX; 3];
    for _ in 0..6 {
        let started = Instant::now();
        app.app.passwords.hash("some password").await.unwrap();
        hash = hash.min(started.elapsed());
        for (username, fastest) in names.iter().zip(&mut logins) {
            let started = Instant::now();
            let refused = app.try_login(&brand.host, username, "a wrong guess").await;
            refused.assert_problem(401, "invalid_credentials");
            *fastest = started.elapsed().min(*fastest);
        }
    }
    for (username, login) in names.iter().zip(logins) {
        assert!(login > hash / 3, "{username}: {login:?}, a hash: {hash:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q86_locked_is_said_only_after_a_right_password() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("barred", &[&brand]).await;
    app.set_agent(&agent, "status", "locked").await;

    let wrong = app
        .try_login(&brand.host, "barred", "not the password")
        .await;
    wrong.assert_problem(401, "invalid_credentials");
    let right = app.try_login(&brand.host, "barred", &agent.password).await;
    right.assert_problem(403, "account_locked");
    let told = "SELECT count(*) FROM agent_login_log WHERE outcome = 'account_locked' AND agent_id IS NOT NULL";
    assert_eq!(app.count(told).await, 1);
    assert_eq!(
        app.count("SELECT count(*) FROM agent_refresh_token").await,
        0
    );
    app.finish().await;
}

#[tokio::test]
async fn q22_p103_a_legacy_password_is_accepted_and_stored_anew() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    // Legacy passwords may be shorter than new ones.
    let agent = AgentFixture {
        password: "old".to_owned(),
        ..app.agent("veteran", &[&brand]).await
    };
    app.legacy_password(&agent).await;
    let old = stored_password(&app).await;
    assert_eq!(old.len(), 64, "the fixture is what the old service wrote");

    let wrong = app.try_login(&brand.host, "veteran", "Old").await;
    wrong.assert_problem(401, "invalid_credentials");
    assert_eq!(stored_password(&app).await, old);

    app.login(&brand.host, "veteran", "old").await;
    let new = stored_password(&app).await;
    assert!(new.starts_with("$argon2id$"), "{new}");
    app.login(&brand.host, "veteran", "old").await;
    assert_eq!(stored_password(&app).await, new, "stored anew only once");

    // The form is known by its shape, not by its case or length.
    app.set_agent(&agent, "password_hash", &old[..62]).await;
    let unknown = app.try_login(&brand.host, "veteran", "old").await;
    unknown.assert_problem(401, "invalid_credentials");
    assert_eq!(app.metrics.password_unknown_shape_total.get(), 1);
    app.finish().await;
}

async fn stored_password(app: &TestApp) -> String {
    let stored = sqlx::query_scalar("SELECT password_hash FROM agent");
    stored.fetch_one(&app.owner).await.unwrap()
}

#[tokio::test]
async fn p103_a_hash_of_less_cost_is_replaced_at_sign_in() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("cheap", &[&brand]).await;
    let before = stored_password(&app).await;
    let dearer = app.beside(&[("ARGON2_MEMORY_KIB", "128")]).await;
    dearer.login(&brand.host, "cheap", &agent.password).await;
    let after = stored_password(&app).await;
    assert_ne!(after, before);
    assert!(after.contains("m=128,"), "{after}");
    dearer.finish().await;
    app.login(&brand.host, "cheap", &agent.password).await;
    assert_eq!(stored_password(&app).await, after, "never made cheaper");
    app.finish().await;
}
