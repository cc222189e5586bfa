//! Every rule that refuses a withdrawal, and that a refusal books nothing.

use agent_domain::portal::withdraw::WithdrawStatus::{
    self, Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing,
};
use agent_testkit::TestApp;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use serde_json::json;

/// Largest integer of a request.
const LARGEST: i64 = (1 << 53) - 1;

#[tokio::test]
async fn p031_limits_of_the_amount_are_inclusive() {
    let app = TestApp::spawn().await;
    let brand = app.brand("limits").await;
    let payee = app.payee("limits", &brand, "200000").await;
    let before = app.books().await;
    let low = payee.session.withdraw("499.99", payee.card).await;
    low.assert_problem(422, "below_min_withdrawal");
    assert_eq!(low.body["detail"], "minimum is 500.0000 THB");
    let high = payee.session.withdraw("50000.01", payee.card).await;
    high.assert_problem(422, "above_max_withdrawal");
    assert_eq!(high.body["detail"], "maximum is 50000.0000 THB");
    assert_eq!(app.books().await, before);
    for amount in ["500", "50000"] {
        let number = payee.session.withdrawn(amount, payee.card).await;
        app.bring_order(&payee, &number, Rejected).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q95_a_fee_that_leaves_nothing_is_refused() {
    let app = TestApp::spawn().await;
    let brand = app.brand("fee").await;
    let payee = app.payee("fee", &brand, "5000").await;
    let before = app.books().await;
    for terms in [
        "withdraw_fee_rate = 1, withdraw_fee_fixed = 0",
        "withdraw_fee_rate = 0, withdraw_fee_fixed = 500",
        "withdraw_fee_rate = 0, withdraw_fee_fixed = 500.01",
        "withdraw_fee_rate = 1, withdraw_fee_fixed = 9999999999999999",
    ] {
        app.set_brand(&brand, terms).await;
        let answer = payee.session.withdraw("500", payee.card).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], "amount", "{terms}");
    }
    assert_eq!(app.books().await, before);
    app.set_brand(&brand, "withdraw_fee_rate = 0, withdraw_fee_fixed = 499.99")
        .await;
    let answer = payee.session.withdraw("500", payee.card).await;
    assert_eq!(answer.body["net_amount"], "0.0100", "{answer:?}");
    app.finish().await;
}

#[tokio::test]
async fn p031_only_an_own_live_card_is_paid_to_and_others_all_look_alike() {
    let app = TestApp::spawn().await;
    let brand = app.brand("cards").await;
    let payee = app.payee("card_owner", &brand, "5000").await;
    let other = app.payee("card_other", &brand, "5000").await;
    let deleted = app.card(&payee.agent).await;
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET deleted_at = now() WHERE id = {deleted}"
    ))
    .await;
    let before = app.books().await;
    let mut answers = Vec::new();
    for card in [other.card, deleted, 987_654_321, 0, -1, LARGEST, -LARGEST] {
        let mut answer = payee.session.withdraw("500", card).await;
        answer.assert_problem(422, "validation_failed");
        answer.body["request_id"].take();
        answers.push(answer.body);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert_eq!(answers[0]["errors"][0]["field"], "card_id");
    for card in [
        json!("1"),
        json!(1.5),
        json!(null),
        json!([1]),
        json!({}),
        json!(true),
    ] {
        let body = json!({ "amount": "500", "card_id": card });
        let answer = payee.session.post("/agent/withdraw/add", &body).await;
        answer.assert_problem(422, "validation_failed");
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn p031_no_more_than_the_available_balance_of_this_brand_is_paid() {
    let app = TestApp::spawn().await;
    let (brand, rich) = (app.brand("poor").await, app.brand("rich").await);
    let payee = app.payee("poor", &brand, "700").await;
    app.join(&payee.agent, &rich).await;
    app.credit(&payee.agent, &rich, "90000").await;
    let before = app.books().await;
    let answer = payee.session.withdraw("700.01", payee.card).await;
    answer.assert_problem(409, "insufficient_balance");
    assert_eq!(app.books().await, before);

    let number = payee.session.withdrawn("700", payee.card).await;
    let left = app.balance(&payee.agent, &brand).await;
    assert_eq!((left.available, left.frozen), (0.into(), 700.into()));
    // What is held is not available, even where several orders may be open.
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 9")
        .await;
    let answer = payee.session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "insufficient_balance");
    app.bring_order(&payee, &number, Cancelled).await;
    app.finish().await;
}

#[tokio::test]
async fn p031_an_agent_who_never_had_money_is_told_so() {
    let app = TestApp::spawn().await;
    let brand = app.brand("new").await;
    let agent = app.agent("newcomer", &[&brand]).await;
    let card = app.card(&agent).await;
    let session = app.session(&agent, &brand).await;
    let before = app.books().await;
    let answer = session.withdraw("500", card).await;
    answer.assert_problem(409, "insufficient_balance");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn q76_only_a_pending_or_reviewing_order_stands_in_the_way() {
    let app = TestApp::spawn().await;
    let brand = app.brand("open").await;
    let blocks = |status| matches!(status, Pending | Reviewing);
    for status in [
        Pending, Reviewing, Approved, Paying, Paid, Rejected, Cancelled,
    ] {
        let payee = app
            .payee(&format!("open_{}", status.as_str()), &brand, "5000")
            .await;
        let first = payee.session.withdrawn("500", payee.card).await;
        app.bring_order(&payee, &first, status).await;
        let before = app.books().await;
        let second = payee.session.withdraw("500", payee.card).await;
        if blocks(status) {
            second.assert_problem(409, "withdraw_pending");
            assert_eq!(app.books().await, before, "{status:?}");
        } else {
            assert_eq!(second.status, 201, "{status:?}: {second:?}");
        }
    }
    app.finish().await;
}

/// Moves the clock to the next time that it shows `hour:minute` UTC, and a little more.
fn move_clock_to(app: &TestApp, hour: u32, minute: u32) -> DateTime<Utc> {
    let now = app.clock.now();
    let today = now
        .date_naive()
        .and_hms_opt(hour, minute, 5)
        .unwrap()
        .and_utc();
    let next = if today > now {
        today
    } else {
        today + TimeDelta::days(1)
    };
    app.clock.advance(next - now);
    next
}

#[tokio::test]
async fn p031_the_daily_count_follows_the_calendar_day_of_the_brand() {
    let app = TestApp::spawn().await;
    let brand = app.brand("bangkok").await; // UTC+7
    app.set_brand(&brand, "daily_withdraw_count = 1").await;
    let payee = app.payee("daily", &brand, "50000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 9")
        .await;

    // 06:50 in Bangkok: the day of the brand does not end with the day in UTC.
    move_clock_to(&app, 23, 50);
    let session = app.session(&payee.agent, &brand).await;
    session.withdrawn("500", payee.card).await;
    app.clock.advance(TimeDelta::minutes(20));
    let session = app.session(&payee.agent, &brand).await;
    let before = app.books().await;
    let answer = session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "daily_limit_reached");
    assert_eq!(app.books().await, before);

    // 23:50 in Bangkok, then 00:10 of the next day, within one day of UTC.
    let late = move_clock_to(&app, 16, 50);
    let session = app.session(&payee.agent, &brand).await;
    let answer = session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "daily_limit_reached");
    app.clock.advance(TimeDelta::minutes(20));
    assert_eq!(app.clock.now().date_naive(), late.date_naive());
    assert_eq!(app.clock.now().hour(), 17);
    let session = app.session(&payee.agent, &brand).await;
    session.withdrawn("500", payee.card).await;
    let answer = session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "daily_limit_reached");
    app.finish().await;
}

#[tokio::test]
async fn p031_orders_that_came_to_nothing_do_not_count_for_the_day() {
    let app = TestApp::spawn().await;
    let brand = app.brand("daily").await;
    app.set_brand(&brand, "daily_withdraw_count = 2").await;
    let payee = app.payee("retries", &brand, "50000").await;
    let ends: [WithdrawStatus; 5] = [Rejected, Cancelled, Paid, Cancelled, Approved];
    for end in ends {
        let number = payee.session.withdrawn("500", payee.card).await;
        app.bring_order(&payee, &number, end).await;
    }
    let answer = payee.session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "daily_limit_reached");
    app.set_brand(&brand, "daily_withdraw_count = 0").await;
    let answer = payee.session.withdraw("500", payee.card).await;
    answer.assert_problem(409, "daily_limit_reached");
    app.set_brand(&brand, "daily_withdraw_count = NULL").await;
    payee.session.withdrawn("500", payee.card).await;
    app.finish().await;
}

/// Without enforcement the host's brand counts, and what the agent does not own there is empty.
#[tokio::test]
async fn q15_on_a_brand_that_the_agent_does_not_serve_there_is_nothing_to_withdraw() {
    for mode in ["off", "observe"] {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let (home, foreign) = (app.brand("home").await, app.brand("foreign").await);
        let payee = app.payee("guest", &home, "5000").await;
        let number = payee.session.withdrawn("500", payee.card).await;
        let abroad = app.session(&payee.agent, &foreign).await;
        let before = app.books().await;
        let answer = abroad.withdraw("500", payee.card).await;
        answer.assert_problem(409, "insufficient_balance");
        let form = abroad.get("/agent/withdraw/init").await;
        assert_eq!(form.body["available"], "0.0000", "{form:?}");
        assert_eq!(form.body["pending"], json!(null), "{form:?}");
        assert_eq!(abroad.get("/agent/withdraw/list").await.body["total"], 0);
        abroad
            .cancel(&number)
            .await
            .assert_problem(404, "not_found");
        assert_eq!(app.books().await, before);
        app.finish().await;
    }
}
