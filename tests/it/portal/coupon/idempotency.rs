//! `Idempotency-Key` on `coupon/grant`.

use agent_testkit::{Granter, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};

const GRANT: &str = "/agent/coupon/grant";

fn body(granter: &Granter<'_>) -> Value {
    json!({ "template_id": granter.template, "player_ids": granter.players })
}

async fn coupons(app: &TestApp) -> i64 {
    app.count("SELECT count(*) FROM coupon").await
}

#[tokio::test]
async fn q88_p037_the_same_grant_later_gets_the_stored_answer() {
    let app = TestApp::spawn().await;
    let brand = app.brand("later").await;
    let granter = app.granter("later", &brand, "1000", 2).await;
    let first = granter
        .session
        .grant_once(GRANT, "key", &body(&granter))
        .await;
    assert_eq!(first.status, 201, "{first:?}");
    let booked = app.books().await;
    // Through the other door, from another session, and when it could not be granted any more.
    app.as_owner("UPDATE coupon_template SET enabled = false; UPDATE player SET status = 'closed'")
        .await;
    let other_session = app.session(&granter.agent, &brand).await;
    for path in [GRANT, "/coupon/grant"] {
        let again = other_session.grant_once(path, "key", &body(&granter)).await;
        assert_eq!((again.status, &again.text), (201, &first.text), "{path}");
    }
    assert_eq!(app.books().await, booked);
    assert_eq!(coupons(&app).await, 2);
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn q88_p037_thirty_at_once_make_one_grant_and_get_one_answer() {
    let app = TestApp::spawn().await;
    let brand = app.brand("at_once").await;
    let granter = app.granter("at_once", &brand, "100000", 2).await;
    let request = body(&granter);
    let turns = (0..30).map(|turn| {
        let path = if turn % 2 == 0 {
            GRANT
        } else {
            "/coupon/grant"
        };
        granter.session.grant_once(path, "one", &request)
    });
    let answers = join_all(turns).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.text),
            (201, &answers[0].text),
            "{answer:?}"
        );
    }
    assert_eq!(coupons(&app).await, 2);
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 200.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn q88_p037_another_grant_under_the_key_is_a_conflict() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("conflict").await, app.brand("conflict_too").await);
    let granter = app.granter("conflict", &brand, "1000", 2).await;
    app.join(&granter.agent, &other).await;
    let first = granter
        .session
        .grant_once(GRANT, "key", &body(&granter))
        .await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = app.coupon_template(&brand, "100").await;
    let before = app.books().await;
    let (template, players) = (granter.template, &granter.players);
    for different in [
        json!({ "template_id": second, "player_ids": players }),
        json!({ "template_id": template, "player_ids": players[..1] }),
        json!({ "template_id": template, "player_ids": players, "remark": "x" }),
    ] {
        let answer = granter.session.grant_once(GRANT, "key", &different).await;
        answer.assert_problem(409, "idempotency_conflict");
    }
    let elsewhere = app.session(&granter.agent, &other).await;
    let answer = elsewhere.grant_once(GRANT, "key", &body(&granter)).await;
    answer.assert_problem(409, "idempotency_conflict");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn q88_p037_a_key_belongs_to_an_agent_and_a_refusal_is_not_kept() {
    let app = TestApp::spawn().await;
    let brand = app.brand("keys").await;
    let granter = app.granter("keys", &brand, "50", 1).await;
    let colleague = app.granter("keys_too", &brand, "100", 1).await;
    let refused = granter
        .session
        .grant_once(GRANT, "key", &body(&granter))
        .await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    let keys = "SELECT count(*) FROM idempotency_key";
    assert_eq!(app.count(keys).await, 0);
    app.setting(&granter.agent, &brand, "coupon_quota_monthly = 100")
        .await;
    for each in [&granter, &colleague] {
        let answer = each.session.grant_once(GRANT, "key", &body(each)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    // Without a key each request is one of its own.
    let refused = granter.session.post(GRANT, &body(&granter)).await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    assert_eq!((app.count(keys).await, coupons(&app).await), (2, 2));
    app.finish().await;
}

/// A recycling has a state to go by and keeps no key.
#[tokio::test]
async fn q88_p038_recycling_takes_no_key() {
    let app = TestApp::spawn().await;
    let brand = app.brand("none").await;
    let granter = app.granter("none", &brand, "100", 1).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let body = json!({ "coupon_id": coupons[0] });
    let path = "/agent/coupon/recycle";
    let first = granter.session.grant_once(path, "key", &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    let again = granter.session.grant_once(path, "key", &body).await;
    again.assert_problem(409, "coupon_not_recyclable");
    app.assert_coupon_books().await;
    app.finish().await;
}
