//! Refresh tokens: each is good once.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use super::forge;

const ROUTE: &str = "/agent/top_info";

async fn sign_in(app: &TestApp) -> (BrandFixture, AgentFixture, Session<'_>) {
    let brand = app.brand("a").await;
    let agent = app.agent("rotator", &[&brand]).await;
    let session = app.login(&brand.host, "rotator", &agent.password).await;
    (brand, agent, session)
}

async fn assert_alive(session: &Session<'_>) {
    let answer = session.get(ROUTE).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn assert_dead(session: &Session<'_>) {
    for answer in [session.get(ROUTE).await, session.try_refresh().await] {
        answer.assert_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn q87_a_refresh_gives_new_tokens_of_the_same_session() {
    let app = TestApp::spawn().await;
    let (_, _, first) = sign_in(&app).await;
    let answer = first.try_refresh().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 900);
    assert_eq!(answer.body["agent"]["username"], "rotator");
    let token = |name: &str| answer.body[name].as_str().unwrap().to_owned();
    assert_ne!(token("refresh_token"), first.refresh_token);
    assert_ne!(token("access_token"), first.access_token);
    let sid = |token: &str| forge::read(token).1["sid"].clone();
    assert_eq!(sid(&token("access_token")), sid(&first.access_token));
    // The access token of before lives on until it expires.
    assert_alive(&first).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_of_60_parallel_refreshes_one_wins_and_the_session_lives() {
    let app = TestApp::spawn().await;
    let (_, _, session) = sign_in(&app).await;
    let answers = join_all((0..60).map(|_| session.try_refresh())).await;
    let (won, lost): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "{lost:?}");
    for answer in &lost {
        answer.assert_problem(401, "refresh_raced");
    }
    let next = &won[0].body;
    let live =
        "SELECT count(*) FROM agent_refresh_token WHERE used_at IS NULL AND revoked_at IS NULL";
    assert_eq!(app.count(live).await, 1);
    let request = app.request("GET", &session.host, ROUTE);
    let alive = Answer::of(request.bearer_auth(next["access_token"].as_str().unwrap())).await;
    assert_eq!(alive.status, 200, "{alive:?}");
    let body = json!({ "refresh_token": next["refresh_token"] });
    let request = app.request("POST", &session.host, "/agent/refresh_token");
    let again = Answer::of(request.json(&body)).await;
    assert_eq!(again.status, 200, "{again:?}");
    app.finish().await;
}

#[tokio::test]
async fn q87_a_second_use_within_ten_seconds_is_a_lost_race() {
    let app = TestApp::spawn().await;
    let (_, _, first) = sign_in(&app).await;
    let second = first.refresh().await;
    app.clock.advance(TimeDelta::seconds(5));
    first
        .try_refresh()
        .await
        .assert_problem(401, "refresh_raced");
    assert_alive(&second).await;
    assert_alive(&second.refresh().await).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_later_second_use_ends_the_session() {
    let app = TestApp::spawn().await;
    let (brand, agent, first) = sign_in(&app).await;
    let other = app.login(&brand.host, "rotator", &agent.password).await;
    let second = first.refresh().await;
    app.clock.advance(TimeDelta::seconds(11));
    assert_alive(&second).await;
    first
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    assert_dead(&first).await;
    assert_dead(&second).await;
    // A theft from one session is none from the others.
    assert_alive(&other).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_token_from_generations_ago_ends_the_session() {
    let app = TestApp::spawn().await;
    let (_, _, first) = sign_in(&app).await;
    let second = first.refresh().await;
    let third = second.refresh().await;
    app.clock.advance(TimeDelta::seconds(11));
    first
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    assert_dead(&third).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_session_has_an_absolute_end() {
    let app = TestApp::with(&[
        ("REFRESH_IDLE_TTL_SECONDS", "1800"),
        ("REFRESH_ABSOLUTE_TTL_SECONDS", "3600"),
    ])
    .await;
    let (_, _, mut session) = sign_in(&app).await;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::seconds(1195));
        session = session.refresh().await;
        assert_alive(&session).await;
    }
    // 3585 s have gone by: the last token is young, the session is not.
    app.clock.advance(TimeDelta::seconds(20));
    assert_dead(&session).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_an_unused_session_ends() {
    let app = TestApp::spawn().await;
    let (_, _, session) = sign_in(&app).await;
    app.clock
        .advance(TimeDelta::days(7) - TimeDelta::seconds(60));
    let session = session.refresh().await;
    app.clock
        .advance(TimeDelta::days(7) + TimeDelta::seconds(1));
    session
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    app.finish().await;
}

#[tokio::test]
async fn q87_what_is_no_refresh_token_of_ours_is_refused() {
    let app = TestApp::spawn().await;
    let (brand, _, session) = sign_in(&app).await;
    let good = &session.refresh_token;
    let unknown = uuid::Uuid::new_v4().simple().to_string().repeat(2);
    for token in [
        json!("x"),
        json!(unknown[..good.len().min(64)]),
        json!(good.to_lowercase()),
        json!(format!("{good}=")),
        json!(format!(" {good}")),
        json!(format!("{good}\n")),
        json!(&good[1..]),
        json!(format!("{good}{good}")),
        json!("' OR 1=1 --"),
        json!("\u{1f511}".repeat(10)),
        json!(""),
        json!("x".repeat(513)),
        json!("a\0b"),
        json!(null),
        json!(1),
        json!([good]),
        json!({ "refresh_token": good }),
    ] {
        let request = app.request("POST", &brand.host, "/agent/refresh_token");
        let answer = Answer::of(request.json(&json!({ "refresh_token": token }))).await;
        assert!(matches!(answer.status, 401 | 422), "{token}: {answer:?}");
        assert!(!answer.text.contains(good.as_str()));
    }
    // None of it used the good one up.
    session.refresh().await;
    app.finish().await;
}

#[tokio::test]
async fn q15_q87_a_refresh_on_a_foreign_host_uses_nothing_up() {
    let app = TestApp::spawn().await;
    let (_, _, session) = sign_in(&app).await;
    let foreign = app.brand("b").await;
    for (host, code) in [
        (foreign.host.as_str(), "brand_forbidden"),
        ("nobodys.test", "brand_unresolved"),
    ] {
        let body = json!({ "refresh_token": session.refresh_token });
        let request = app.request("POST", host, "/agent/refresh_token");
        Answer::of(request.json(&body))
            .await
            .assert_problem(403, code);
    }
    assert_alive(&session.refresh().await).await;
    app.finish().await;
}
