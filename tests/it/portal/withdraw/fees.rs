//! The fee of a withdrawal, to the smallest unit of the currency.

use agent_domain::portal::withdraw::WithdrawStatus::Rejected;
use agent_testkit::TestApp;
use serde_json::Value;

#[tokio::test]
async fn q95_a_currency_without_cents_takes_whole_amounts_only() {
    let app = TestApp::spawn().await;
    let brand = app.brand("jpy").await;
    app.set_brand(&brand, "currency = 'JPY', withdraw_fee_rate = 0.0150")
        .await;
    let payee = app.payee("yen", &brand, "5000").await;
    let before = app.books().await;
    for amount in ["1000.5", "1000.0", "1000.00"] {
        let answer = payee.session.withdraw(amount, payee.card).await;
        answer.assert_problem(422, "validation_failed");
    }
    assert_eq!(app.books().await, before);
    // 15 and a half: rounded to whole yen, half away from zero.
    let answer = payee.session.withdraw("1033", payee.card).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["fee"], "15.0000");
    app.move_order(answer.body["withdraw_no"].as_str().unwrap(), Rejected)
        .await
        .unwrap();
    let answer = payee.session.withdraw("1100", payee.card).await;
    assert_eq!(answer.body["fee"], "17.0000", "{answer:?}");
    assert_eq!(answer.body["net_amount"], "1083.0000");
    assert_eq!(answer.body["currency"], "JPY");
    app.finish().await;
}

#[tokio::test]
async fn q95_fee_and_net_add_up_to_the_amount_and_half_a_cent_rounds_away_from_zero() {
    let app = TestApp::spawn().await;
    let payee = super::amounts::unlimited(&app, "fees", "1000000").await;
    app.set_brand(
        &payee.brand,
        "withdraw_fee_rate = 0.0125, withdraw_fee_fixed = 3.0000",
    )
    .await;
    // 1.25 % of 0.40 is half a cent; of 0.39 it is less.
    for (amount, fee, net) in [
        ("1000", "15.5000", "984.5000"),
        ("1000.40", "15.5100", "984.8900"),
        ("1000.39", "15.5000", "984.8900"),
        ("3.05", "3.0400", "0.0100"),
    ] {
        let answer = payee.session.withdraw(amount, payee.card).await;
        assert_eq!(answer.status, 201, "{amount}: {answer:?}");
        assert_eq!(
            (&answer.body["fee"], &answer.body["net_amount"]),
            (&Value::from(fee), &Value::from(net)),
            "{amount}"
        );
    }
    let wrong = "SELECT count(*) FROM agent_withdraw WHERE amount <> fee + net_amount OR net_amount <= 0 OR fee < 0";
    assert_eq!(app.count(wrong).await, 0);
    app.finish().await;
}
