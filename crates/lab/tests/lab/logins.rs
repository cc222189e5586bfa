//! The documented accounts do what is said of them.

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

use crate::support::{rows, seeded_small};

const PASSWORD: &str = "demo-password-1";
const HOST_A: &str = "brand-a.localhost";
const HOST_B: &str = "brand-b.localhost";

/// The agent's default card.
async fn card(app: &TestApp, username: &str) -> i64 {
    let cards: Vec<(String, i64)> = rows(
        app,
        "SELECT username, id FROM agent_bank_card JOIN agent ON guid = agent_id WHERE is_default",
    )
    .await;
    cards.iter().find(|(name, _)| name == username).unwrap().1
}

async fn withdraw(app: &TestApp, username: &str, extra: &Value) -> Answer {
    let session = app.login(HOST_A, username, PASSWORD).await;
    let mut body = json!({ "amount": "1500.00", "card_id": card(app, username).await });
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().cloned().unwrap());
    session.post("/agent/withdraw/add", &body).await
}

#[tokio::test]
async fn demo_agent_serves_both_brands_and_can_withdraw() {
    let app = seeded_small().await;
    app.login(HOST_B, "demo_agent", PASSWORD).await;
    let made = withdraw(&app, "demo_agent", &json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        (&made.body["fee"], &made.body["currency"]),
        (&json!("15.0000"), &json!("THB"))
    );
    app.finish().await;
}

#[tokio::test]
async fn demo_sub_has_a_legacy_password_that_is_replaced() {
    let app = seeded_small().await;
    let hash = "SELECT password_hash FROM agent WHERE username = 'demo_sub'";
    let before: Vec<(String,)> = rows(&app, hash).await;
    assert_eq!(before[0].0.len(), 64);
    let made = withdraw(&app, "demo_sub", &json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let after: Vec<(String,)> = rows(&app, hash).await;
    assert!(after[0].0.starts_with("$argon2id$"));
    app.try_login(HOST_B, "demo_sub", PASSWORD)
        .await
        .assert_problem(403, "brand_forbidden");
    app.finish().await;
}

#[tokio::test]
async fn demo_pin_needs_the_payout_password() {
    let app = seeded_small().await;
    for wrong in [json!({}), json!({ "payout_password": "000000" })] {
        withdraw(&app, "demo_pin", &wrong)
            .await
            .assert_problem(403, "payout_password_invalid");
    }
    let made = withdraw(&app, "demo_pin", &json!({ "payout_password": "246810" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    app.finish().await;
}

#[tokio::test]
async fn demo_locked_and_demo_foreign_are_refused() {
    let app = seeded_small().await;
    app.try_login(HOST_A, "demo_locked", PASSWORD)
        .await
        .assert_problem(403, "account_locked");
    app.try_login(HOST_A, "demo_foreign", PASSWORD)
        .await
        .assert_problem(403, "brand_forbidden");
    app.login(HOST_B, "demo_foreign", PASSWORD).await;
    app.finish().await;
}
