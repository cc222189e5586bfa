//! What a key may be, how long it is kept, and what is kept with it.

use agent_domain::portal::withdraw::WithdrawStatus::Rejected;
use agent_persistence::idempotency;
use agent_testkit::{Answer, TestApp};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::idempotency::body;

#[tokio::test]
async fn q88_after_a_day_the_sweep_forgets_the_key() {
    let app = TestApp::spawn().await;
    let brand = app.brand("swept").await;
    let payee = app.payee("swept", &brand, "5000").await;
    let first = payee
        .session
        .withdraw_once("old", &body(&payee, "500"))
        .await;
    app.move_order(first.body["withdraw_no"].as_str().unwrap(), Rejected)
        .await
        .unwrap();
    app.clock.advance(TimeDelta::hours(23));
    let session = app.session(&payee.agent, &brand).await;
    let young = session.withdraw_once("young", &body(&payee, "500")).await;
    app.move_order(young.body["withdraw_no"].as_str().unwrap(), Rejected)
        .await
        .unwrap();
    let pool = app.app.core.db.pool();
    let day_ago = || app.clock.now() - TimeDelta::hours(24);
    assert_eq!(idempotency::sweep(pool, day_ago(), 100).await.unwrap(), 0);
    app.clock.advance(TimeDelta::minutes(61));
    assert_eq!(idempotency::sweep(pool, day_ago(), 100).await.unwrap(), 1);
    let session = app.session(&payee.agent, &brand).await;
    let replay = session.withdraw_once("young", &body(&payee, "500")).await;
    assert_eq!(replay.text, young.text);
    let anew = session.withdraw_once("old", &body(&payee, "600")).await;
    assert_eq!(anew.status, 201, "{anew:?}");
    assert_ne!(anew.body["withdraw_no"], first.body["withdraw_no"]);
    app.finish().await;
}

#[tokio::test]
async fn q76_q88_a_key_has_1_to_255_visible_characters_and_is_given_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("keys").await;
    let payee = app.payee("keys", &brand, "5000").await;
    let before = app.books().await;
    let send = |keys: Vec<Vec<u8>>| {
        let mut request = payee
            .session
            .request("POST", "/agent/withdraw/add")
            .json(&body(&payee, "500"));
        for key in keys {
            request = request.header(
                "Idempotency-Key",
                reqwest::header::HeaderValue::from_bytes(&key).unwrap(),
            );
        }
        Answer::of(request)
    };
    for bad in [
        vec![b"".to_vec()],
        vec![b" ".to_vec()],
        vec![b"a b".to_vec()],
        vec![b"a\tb".to_vec()],
        vec![b"k".repeat(256)],
        vec!["schlüssel".as_bytes().to_vec()],
        vec![b"\xff".to_vec()],
        vec![b"one".to_vec(), b"one".to_vec()],
        vec![b"one".to_vec(), b"two".to_vec()],
    ] {
        let answer = send(bad.clone()).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(
            answer.body["errors"][0]["field"], "Idempotency-Key",
            "{bad:?}"
        );
    }
    assert_eq!(app.books().await, before);
    let longest = vec![b"~".repeat(255)];
    let first = send(longest.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(send(longest).await.text, first.text);
    app.finish().await;
}

/// What is kept of a request is a keyed hash: neither the payout password nor the remark.
#[tokio::test]
async fn q88_the_stored_key_holds_the_answer_and_a_hash() {
    let app = TestApp::spawn().await;
    let brand = app.brand("stored").await;
    let payee = app.payee("stored", &brand, "5000").await;
    app.plant("7391028465");
    app.payout_password(&payee.agent, "7391028465").await;
    let request =
        json!({ "amount": "500", "card_id": payee.card, "payout_password": "7391028465" });
    let first = payee.session.withdraw_once("key", &request).await;
    let row = "SELECT concat_ws(' ', agent_id, operation, key, length(request_hash), status, body) FROM idempotency_key";
    let row = app.text(row).await;
    let start = format!("{} POST /agent/withdraw/add key 32 201 ", payee.agent.guid);
    let stored: Value = serde_json::from_str(row.strip_prefix(&start).unwrap()).unwrap();
    assert_eq!(stored, first.body);
    app.finish().await;
}
