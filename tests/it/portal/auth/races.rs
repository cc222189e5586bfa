//! What ends a session also ends what a refresh is about to make of it.

use std::time::{Duration, Instant};

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Postgres, Transaction};

const LIVE: &str =
    "SELECT count(*) FROM agent_refresh_token WHERE used_at IS NULL AND revoked_at IS NULL";

/// An API that waits for locks as long as a busy machine may need.
async fn patient() -> TestApp {
    TestApp::with(&[
        ("DB_LOCK_TIMEOUT_MS", "20000"),
        ("DB_STATEMENT_TIMEOUT_MS", "20000"),
    ])
    .await
}

async fn sign_in(app: &TestApp) -> (BrandFixture, AgentFixture, Session<'_>) {
    let brand = app.brand("a").await;
    let agent = app.agent("racer", &[&brand]).await;
    let session = app.login(&brand.host, "racer", &agent.password).await;
    (brand, agent, session)
}

/// Keeps every refresh token that is still good locked, so that whoever wants one queues up.
async fn hold_tokens(app: &TestApp) -> Transaction<'static, Postgres> {
    let mut held = app.owner.begin().await.unwrap();
    sqlx::query("SELECT FROM agent_refresh_token WHERE used_at IS NULL FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    held
}

/// Until so many statements wait for a lock.
async fn until_waiting(app: &TestApp, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(20);
    while app.count(waiting).await < count {
        assert!(Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets a refresh wait for its token, then `ending` wait behind it, then both go on.
async fn refresh_then(
    app: &TestApp,
    session: &Session<'_>,
    ending: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    let held = hold_tokens(app).await;
    let ending = async {
        until_waiting(app, 1).await;
        ending.await
    };
    let releasing = async {
        until_waiting(app, 2).await;
        held.rollback().await.unwrap();
    };
    let (refreshed, ended, ()) = tokio::join!(session.try_refresh(), ending, releasing);
    (refreshed, ended)
}

/// The refresh was first and won; what it won is dead.
async fn assert_nothing_lives(app: &TestApp, host: &str, refreshed: &Answer) {
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(app.count(LIVE).await, 0);
    let token = refreshed.body["access_token"].as_str().unwrap();
    let request = app.request("GET", host, "/agent/top_info");
    let answer = Answer::of(request.bearer_auth(token)).await;
    answer.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn q87_a_logout_ends_what_a_refresh_has_just_made() {
    let app = patient().await;
    let (brand, _, session) = sign_in(&app).await;
    let body = json!({});
    let ending = session.post("/agent/logout", &body);
    let (refreshed, ended) = refresh_then(&app, &session, ending).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_nothing_lives(&app, &brand.host, &refreshed).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_password_change_ends_what_a_refresh_has_just_made() {
    let app = patient().await;
    let (brand, agent, session) = sign_in(&app).await;
    let body = json!({ "old_password": agent.password, "new_password": "the next password" });
    let ending = session.post("/agent/edit/password", &body);
    let (refreshed, ended) = refresh_then(&app, &session, ending).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_nothing_lives(&app, &brand.host, &refreshed).await;
    app.finish().await;
}

#[tokio::test]
async fn q87_a_noticed_theft_ends_what_a_refresh_has_just_made() {
    let app = patient().await;
    let (brand, _, first) = sign_in(&app).await;
    let second = first.refresh().await;
    app.clock.advance(chrono::TimeDelta::seconds(11));
    let held = hold_tokens(&app).await;
    // The thief refreshes with the second token while the first one comes back.
    let returning = async {
        until_waiting(&app, 1).await;
        first.try_refresh().await
    };
    let releasing = async {
        until_waiting(&app, 2).await;
        held.rollback().await.unwrap();
    };
    let (refreshed, returned, ()) = tokio::join!(second.try_refresh(), returning, releasing);
    returned.assert_problem(401, "unauthenticated");
    assert_nothing_lives(&app, &brand.host, &refreshed).await;
    app.finish().await;
}

/// Whichever comes first, no refresh outlives the change, and nobody sees a deadlock.
#[tokio::test]
async fn q87_a_password_change_amid_refreshes_ends_every_session() {
    let app = patient().await;
    let (brand, mut agent, _) = sign_in(&app).await;
    for round in 0..6 {
        let logins = (0..6).map(|_| app.login(&brand.host, "racer", &agent.password));
        let sessions = join_all(logins).await;
        let next = format!("the next password {round}");
        let body = json!({ "old_password": agent.password, "new_password": next });
        let changing = sessions[0].post("/agent/edit/password", &body);
        let refreshing = join_all(sessions.iter().map(Session::try_refresh));
        let (changed, refreshed) = tokio::join!(changing, refreshing);
        assert_eq!(changed.status, 204, "{changed:?}");
        for answer in &refreshed {
            assert!(matches!(answer.status, 200 | 401), "{answer:?}");
        }
        assert_eq!(app.count(LIVE).await, 0);
        agent.password = next;
    }
    app.finish().await;
}
