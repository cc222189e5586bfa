//! The agent's own terms come before the brand's.

use agent_testkit::TestApp;
use chrono::TimeDelta;

#[tokio::test]
async fn q27_the_setting_of_agent_and_brand_overrides_the_brand() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("own").await, app.brand("plain").await);
    let payee = app.payee("own_terms", &brand, "900000").await;
    app.join(&payee.agent, &other).await;
    app.credit(&payee.agent, &other, "900000").await;
    app.set_brand(&brand, "daily_withdraw_count = 1, withdraw_fee_fixed = 2")
        .await;
    let terms = "min_withdrawal_limit = 100, max_withdrawal_limit = 800, withdraw_fee_rate = 0.05, \
                 daily_withdraw_count = 3, max_open_withdrawals = 2";
    app.setting(&payee.agent, &brand, terms).await;

    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["min_amount"], "100.0000", "{form:?}");
    assert_eq!(form.body["max_amount"], "800.0000");
    assert_eq!(form.body["fee_rate"], "0.0500");
    assert_eq!(form.body["fee_fixed"], "2.0000");
    assert_eq!(form.body["daily_remaining"], 3);
    let limit = payee
        .session
        .get("/agent/common/agent_min_withdrawal_limit")
        .await;
    assert_eq!(limit.body["min_amount"], "100.0000", "{limit:?}");
    assert_eq!(limit.body["max_amount"], "800.0000");

    let session = &payee.session;
    session
        .withdraw("99.99", payee.card)
        .await
        .assert_problem(422, "below_min_withdrawal");
    session
        .withdraw("800.01", payee.card)
        .await
        .assert_problem(422, "above_max_withdrawal");
    let answer = session.withdraw("100", payee.card).await;
    assert_eq!(answer.body["fee"], "7.0000", "{answer:?}");
    session.withdrawn("100", payee.card).await;
    session
        .withdraw("100", payee.card)
        .await
        .assert_problem(409, "withdraw_pending");

    // Nothing of it holds on the agent's other brand.
    let session = app.session(&payee.agent, &other).await;
    session
        .withdraw("100", payee.card)
        .await
        .assert_problem(422, "below_min_withdrawal");
    let answer = session.withdraw("1000", payee.card).await;
    assert_eq!(answer.body["fee"], "10.0000", "{answer:?}");
    session
        .withdraw("1000", payee.card)
        .await
        .assert_problem(409, "withdraw_pending");
    app.finish().await;
}

#[tokio::test]
async fn q27_what_the_setting_leaves_open_falls_back_to_the_brand() {
    let app = TestApp::spawn().await;
    let brand = app.brand("half").await;
    app.set_brand(&brand, "daily_withdraw_count = 1").await;
    let payee = app.payee("half_terms", &brand, "90000").await;
    app.setting(&payee.agent, &brand, "min_withdrawal_limit = 0")
        .await;
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["min_amount"], "0.0000", "{form:?}");
    assert_eq!(form.body["max_amount"], "50000.0000");
    assert_eq!(form.body["daily_remaining"], 1);
    let answer = payee.session.withdraw("1", payee.card).await;
    assert_eq!(answer.body["fee"], "0.0100", "{answer:?}");
    let form = payee.session.get("/agent/withdraw/init").await;
    assert_eq!(form.body["daily_remaining"], 0);
    app.finish().await;
}

/// Terms are not part of what is cached of a brand: a change holds for the next request.
#[tokio::test]
async fn q27_a_change_of_terms_holds_at_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("moving").await;
    let payee = app.payee("moving_terms", &brand, "90000").await;
    let session = &payee.session;
    assert_eq!(
        session.get("/agent/withdraw/init").await.body["min_amount"],
        "500.0000"
    );
    app.set_brand(&brand, "withdraw_min = 600").await;
    session
        .withdraw("599", payee.card)
        .await
        .assert_problem(422, "below_min_withdrawal");
    app.setting(&payee.agent, &brand, "min_withdrawal_limit = 700")
        .await;
    session
        .withdraw("699", payee.card)
        .await
        .assert_problem(422, "below_min_withdrawal");
    session.withdrawn("700", payee.card).await;
    app.finish().await;
}

#[tokio::test]
async fn q95_the_number_of_open_orders_without_a_setting_is_the_operators() {
    let app = TestApp::with(&[("WITHDRAW_MAX_OPEN", "2")]).await;
    let brand = app.brand("two").await;
    let payee = app.payee("two_open", &brand, "90000").await;
    for _ in 0..2 {
        payee.session.withdrawn("500", payee.card).await;
    }
    payee
        .session
        .withdraw("500", payee.card)
        .await
        .assert_problem(409, "withdraw_pending");
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 3")
        .await;
    payee.session.withdrawn("500", payee.card).await;
    payee
        .session
        .withdraw("500", payee.card)
        .await
        .assert_problem(409, "withdraw_pending");
    // An order of yesterday is as open as one of today.
    app.clock.advance(TimeDelta::days(1));
    let session = app.session(&payee.agent, &brand).await;
    session
        .withdraw("500", payee.card)
        .await
        .assert_problem(409, "withdraw_pending");
    app.finish().await;
}
