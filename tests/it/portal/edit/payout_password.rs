//! Setting the payout password.

use serde_json::json;

use super::stage::{PIN, Stage};

const PATH: &str = "/agent/edit/payout_password";

#[tokio::test]
async fn q100_the_payout_password_is_set_by_the_login_password_and_the_phone_is_told() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let card = stage.app.card(&stage.agent).await;
    stage.app.credit(&stage.agent, &stage.brand, "9000").await;
    let body = json!({ "password": stage.agent.password, "payout_password": PIN });
    let answer = session.post(PATH, &body).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let told = stage.app.sms().wait_for(&stage.phone).await;
    let what = "the payout password of your account was changed";
    assert!(told.text.contains(what), "{}", told.text);
    let stored = "SELECT payout_password_hash FROM agent WHERE username = 'owner'";
    assert!(stage.app.text(stored).await.starts_with("$argon2id$"));
    let order = |pin: &str| json!({ "amount": "600", "card_id": card, "payout_password": pin });
    let answer = session.post("/agent/withdraw/add", &order("111111")).await;
    answer.assert_problem(403, "payout_password_invalid");
    let answer = session.post("/agent/withdraw/add", &order(PIN)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let row = &stage.audit().await;
    let row = row
        .iter()
        .find(|row| row["action"] == "AGENT_EDIT_PAYOUT_PASSWORD")
        .unwrap();
    let expected = json!({
        "operator_id": format!("agent:{}", stage.agent.guid), "resource": "agent",
        "resource_id": stage.agent.guid.to_string(), "action": "AGENT_EDIT_PAYOUT_PASSWORD",
        "brand_id": stage.brand.id.0, "old_value": null, "new_value": null,
    });
    assert_eq!(row, &expected);
    stage.app.finish().await;
}

#[tokio::test]
async fn q100_a_wrong_login_password_changes_nothing_and_is_counted() {
    let stage = Stage::with(&[("LOGIN_FAILURES_PER_USERNAME", "2")]).await;
    let session = stage.session().await;
    let before = stage.state().await;
    for _ in 0..2 {
        let body = json!({ "password": "wrong one", "payout_password": PIN });
        let answer = session.post(PATH, &body).await;
        answer.assert_problem(401, "invalid_credentials");
    }
    let body = json!({ "password": stage.agent.password, "payout_password": PIN });
    let answer = session.post(PATH, &body).await;
    answer.assert_problem(429, "rate_limited");
    assert_eq!(stage.state().await, before);
    assert_eq!(stage.app.sms().messages(), []);
    stage.app.finish().await;
}

#[tokio::test]
async fn q100_what_is_no_pin_is_refused() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let digits = "736251908431";
    stage.app.plant(digits);
    let hash = stage.app.app.passwords.hash(digits).await.unwrap();
    let before = stage.state().await;
    for odd in [
        "",
        "12345",
        "1234567890123",
        "12345a",
        "１２３４５６",
        " 123456",
    ] {
        let body = json!({ "password": stage.agent.password, "payout_password": odd });
        let answer = session.post(PATH, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(
            answer.body["errors"][0]["field"], "payout_password",
            "{odd}"
        );
    }
    stage
        .app
        .set_agent(&stage.agent, "password_hash", &hash)
        .await;
    let body = json!({ "password": digits, "payout_password": digits });
    let answer = session.post(PATH, &body).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

/// Each change sends a message: no bill can be run up, and no change is made that nobody is told of.
#[tokio::test]
async fn q71_q100_changes_of_the_payout_password_are_few() {
    let stage = Stage::with(&[]).await;
    let session = stage.session().await;
    for turn in 0..7 {
        let pin = format!("48291360750{turn}");
        stage.app.plant(&pin);
        let body = json!({ "password": stage.agent.password, "payout_password": pin });
        let answer = session.post("/agent/edit/payout_password", &body).await;
        assert_eq!(answer.status, if turn < 5 { 204 } else { 429 }, "{turn}");
    }
    stage
        .app
        .app
        .sms
        .drain(std::time::Duration::from_secs(5))
        .await;
    assert_eq!(stage.app.sms().messages().len(), 5);
    assert_eq!(stage.actions().await.len(), 5);
    stage.app.finish().await;
}
