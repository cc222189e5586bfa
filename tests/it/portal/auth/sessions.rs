//! When a session ends, its access tokens end with it.

use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use chrono::TimeDelta;

const ROUTE: &str = "/agent/top_info";

async fn agent(app: &TestApp) -> (BrandFixture, AgentFixture) {
    let brand = app.brand("a").await;
    let agent = app.agent("sitter", &[&brand]).await;
    (brand, agent)
}

async fn sign_in<'a>(app: &'a TestApp, brand: &BrandFixture, agent: &AgentFixture) -> Session<'a> {
    app.login(&brand.host, &agent.username, &agent.password)
        .await
}

async fn assert_alive(session: &Session<'_>) {
    let answer = session.get(ROUTE).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn assert_dead(session: &Session<'_>) {
    session
        .get(ROUTE)
        .await
        .assert_problem(401, "unauthenticated");
    session
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn q87_an_access_token_lives_15_minutes() {
    let app = TestApp::spawn().await;
    let (brand, agent) = agent(&app).await;
    let session = sign_in(&app, &brand, &agent).await;
    assert_alive(&session).await;
    // Clocks may differ by five seconds.
    app.clock.advance(TimeDelta::seconds(900));
    assert_alive(&session).await;
    app.clock.advance(TimeDelta::seconds(6));
    let late = session.get(ROUTE).await;
    late.assert_problem(401, "token_expired");
    let next = session.refresh().await;
    assert_alive(&next).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_token_that_was_never_checked_expires_alike() {
    let app = TestApp::spawn().await;
    let (brand, agent) = agent(&app).await;
    let session = sign_in(&app, &brand, &agent).await;
    app.clock.advance(TimeDelta::seconds(906));
    let late = session.get(ROUTE).await;
    late.assert_problem(401, "token_expired");
    app.finish().await;
}

#[tokio::test]
async fn q87_logout_ends_this_session_at_once() {
    let app = TestApp::spawn().await;
    let (brand, agent) = agent(&app).await;
    let (one, other) = (
        sign_in(&app, &brand, &agent).await,
        sign_in(&app, &brand, &agent).await,
    );
    assert_alive(&one).await;
    let out = one.post("/agent/logout", &serde_json::json!({})).await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    assert_dead(&one).await;
    assert_alive(&other).await;
    assert_alive(&other.refresh().await).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_barred_account_has_no_session() {
    for status in ["locked", "deleted"] {
        let app = TestApp::spawn().await;
        let (brand, agent) = agent(&app).await;
        let session = sign_in(&app, &brand, &agent).await;
        assert_alive(&session).await;
        app.set_agent(&agent, "status", status).await;
        assert_dead(&session).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn q87_a_raised_token_version_ends_access_tokens_at_once() {
    let app = TestApp::spawn().await;
    let (brand, agent) = agent(&app).await;
    let session = sign_in(&app, &brand, &agent).await;
    assert_alive(&session).await;
    sqlx::query("UPDATE agent SET token_version = token_version + 1")
        .execute(&app.owner)
        .await
        .unwrap();
    session
        .get(ROUTE)
        .await
        .assert_problem(401, "unauthenticated");
    app.finish().await;
}

#[tokio::test]
async fn q87_a_session_of_another_agent_is_untouched() {
    let app = TestApp::spawn().await;
    let (brand, agent) = agent(&app).await;
    let neighbour = app.agent("neighbour", &[&brand]).await;
    let session = sign_in(&app, &brand, &agent).await;
    let theirs = sign_in(&app, &brand, &neighbour).await;
    let body = serde_json::json!({
        "old_password": agent.password, "new_password": "an entirely new one",
    });
    app.plant("an entirely new one");
    let changed = session.post("/agent/edit/password", &body).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    assert_dead(&session).await;
    assert_alive(&theirs).await;
    app.finish().await;
}
