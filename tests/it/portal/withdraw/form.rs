//! `/agent/withdraw/init`: what the form shows (P-030).

use agent_domain::portal::withdraw::WithdrawStatus::{Approved, Cancelled};
use agent_testkit::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn p029_p030_the_form_shows_balance_terms_and_own_cards() {
    let app = TestApp::spawn().await;
    let brand = app.brand("form").await;
    let payee = app.payee("form", &brand, "1234.5").await;
    let second = app.card(&payee.agent).await;
    let gone = app.card(&payee.agent).await;
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET deleted_at = now() WHERE id = {gone}"
    ))
    .await;
    app.payee("someone_else", &brand, "1").await;

    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.status, 200, "{form:?}");
    let last4 = |card: i64| {
        let query = format!("SELECT card_last4::text FROM agent_bank_card WHERE id = {card}");
        let app = &app;
        async move { app.text(&query).await }
    };
    let expected = json!({
        "currency": "THB", "available": "1234.5000", "frozen": "0.0000",
        "min_amount": "500.0000", "max_amount": "50000.0000", "fee_rate": "0.0100", "fee_fixed": "0.0000",
        "daily_remaining": null, "payout_password_set": false, "pending": null,
        "cards": [
            { "id": payee.card, "bank_name": "Test Bank", "last4": last4(payee.card).await, "is_default": true },
            { "id": second, "bank_name": "Test Bank", "last4": last4(second).await, "is_default": false },
        ],
    });
    assert_eq!(form.body, expected);
    let alias = payee.session.get("/withdraw/init").await;
    assert_eq!((alias.status, alias.body), (200, expected));
    app.finish().await;
}

#[tokio::test]
async fn p030_the_form_names_the_open_order_and_counts_the_day() {
    let app = TestApp::spawn().await;
    let brand = app.brand("open").await;
    app.set_brand(&brand, "daily_withdraw_count = 3").await;
    let payee = app.payee("opened", &brand, "5000").await;
    let number = payee.session.withdrawn("700", payee.card).await;
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(
        form.body["pending"],
        json!({ "withdraw_no": number }),
        "{form:?}"
    );
    assert_eq!(form.body["available"], "4300.0000");
    assert_eq!(form.body["frozen"], "700.0000");
    assert_eq!(form.body["daily_remaining"], 2);

    app.bring_order(&payee, &number, Approved).await;
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["pending"], Value::Null, "{form:?}");
    assert_eq!(form.body["frozen"], "700.0000");

    let number = payee.session.withdrawn("600", payee.card).await;
    app.bring_order(&payee, &number, Cancelled).await;
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["daily_remaining"], 2, "{form:?}");
    app.set_brand(&brand, "daily_withdraw_count = 0").await;
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["daily_remaining"], 0, "{form:?}");
    app.finish().await;
}

#[tokio::test]
async fn p030_without_account_or_card_the_form_is_empty_and_brands_do_not_mix() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("one").await, app.brand("two").await);
    let agent = app.agent("empty", &[&brand, &other]).await;
    app.credit(&agent, &other, "777").await;
    let form = app
        .session(&agent, &brand)
        .await
        .get("/agent/withdraw/init")
        .await;
    assert_eq!(form.body["available"], "0.0000", "{form:?}");
    assert_eq!(form.body["cards"], json!([]));
    app.payout_password(&agent, "482913").await;
    let form = app
        .session(&agent, &other)
        .await
        .get("/agent/withdraw/init")
        .await;
    assert_eq!(form.body["available"], "777.0000", "{form:?}");
    assert_eq!(form.body["payout_password_set"], true);
    app.finish().await;
}

#[tokio::test]
async fn p029_every_route_of_the_group_needs_a_session() {
    let app = TestApp::spawn().await;
    let brand = app.brand("closed").await;
    let number = "W20260101000001";
    let routes = [
        ("GET", "/init".to_owned()),
        ("POST", "/add".to_owned()),
        ("GET", "/list".to_owned()),
        ("GET", format!("/{number}")),
        ("POST", format!("/{number}/cancel")),
    ];
    for prefix in ["/agent/withdraw", "/withdraw"] {
        for (method, path) in &routes {
            let request = app.request(method, &brand.host, &format!("{prefix}{path}"));
            let answer = agent_testkit::Answer::of(request.json(&json!({ "amount": "x" }))).await;
            answer.assert_problem(401, "unauthenticated");
        }
    }
    app.finish().await;
}
