//! What one agent does must not be felt by another, nor by itself later.

use agent_testkit::{Answer, TestApp};
use futures_util::future::join_all;
use serde_json::json;

/// An agent whose account is locked by a slow transaction elsewhere sends more withdrawals than
/// the pool has connections; another agent is served meanwhile.
#[tokio::test]
async fn q87_q95_one_agent_cannot_occupy_the_database() {
    let app = TestApp::with(&[("DB_POOL_MAX", "6"), ("DB_LOCK_TIMEOUT_MS", "8000")]).await;
    let brand = app.brand("a").await;
    let busy = app.agent("busy", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    let card = app.card(&busy).await;
    app.credit(&busy, &brand, "2000").await;
    let session = app.login(&brand.host, &busy.username, &busy.password).await;
    let bystander = app
        .login(&brand.host, &other.username, &other.password)
        .await;

    let mut elsewhere = app.owner.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM agent_account WHERE agent_id = $1 FOR UPDATE")
        .bind(busy.guid.0)
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let body = json!({ "amount": "600", "card_id": card });
    let many = join_all((0..30).map(|_| session.post("/agent/withdraw/add", &body)));
    let meanwhile = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.count(waiting).await < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        for _ in 0..5 {
            let seen = bystander.get("/agent/top_info").await;
            assert_eq!(seen.status, 200, "{seen:?}");
        }
        let health = Answer::of(app.request("GET", &brand.host, "/health/ready")).await;
        assert_eq!(health.status, 204, "{health:?}");
        elsewhere.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(many, meanwhile);
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 201 | 409)),
        "{answers:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn q87_an_account_that_was_locked_and_unlocked_has_no_session_left() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("locked_once", &[&brand]).await;
    let session = app
        .login(&brand.host, &agent.username, &agent.password)
        .await;
    app.set_agent(&agent, "status", "locked").await;
    app.set_agent(&agent, "status", "active").await;
    session
        .get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    session
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    app.login(&brand.host, &agent.username, &agent.password)
        .await;
    app.finish().await;
}

/// Attempts that are being evaluated do not make a right one look like one too many.
#[tokio::test]
async fn q86_right_passwords_at_once_are_not_refused_near_the_limit() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_USERNAME", "10")]).await;
    let brand = app.brand("a").await;
    let agent = app.agent("nearly", &[&brand]).await;
    for _ in 0..9 {
        let wrong = app
            .try_login(&brand.host, &agent.username, "wrong-password")
            .await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let right = (0..20).map(|_| app.try_login(&brand.host, &agent.username, &agent.password));
    for answer in join_all(right).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    app.finish().await;
}
