//! The day after an unproven change of phone.

use agent_testkit::Answer;
use chrono::TimeDelta;
use serde_json::json;

use super::stage::{ADD, BANK, BANK_SMS, PHONE, PIN, Stage, bank_body, card_body, phone_body};

/// Every way of changing payout accounts, with what is right otherwise.
async fn tries(stage: &Stage, code: &str, card: i64) -> Vec<Answer> {
    let session = stage.session().await;
    let pin = json!({ "payout_password": PIN });
    let number = stage.number();
    vec![
        session.post(BANK_SMS, &json!({})).await,
        session.post(BANK, &bank_body(&number, code)).await,
        session.post(ADD, &card_body(&number, code)).await,
        session
            .post(&format!("/agent/bank/{card}/default"), &pin)
            .await,
        session
            .post(&format!("/agent/bank/{card}/remove"), &pin)
            .await,
    ]
}

#[tokio::test]
async fn q85_for_a_day_payout_accounts_stay_as_they_are() {
    let mut stage = Stage::set().await;
    stage.app.payout_password(&stage.agent, PIN).await;
    let (card, new) = {
        let session = stage.session().await;
        stage.add_card(&session, &stage.number()).await;
        let card = stage.add_card(&session, &stage.number()).await;
        let new = stage.new_phone();
        let (code, _) = stage.phone_codes(&session, &new).await;
        let answer = session.post(PHONE, &phone_body(&new, &code)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (card, new)
    };
    stage.phone = new;
    let before = stage.state().await;
    stage
        .app
        .clock
        .advance(TimeDelta::hours(24) - TimeDelta::seconds(30));
    for answer in tries(&stage, "123456", card).await {
        answer.assert_problem(409, "payout_cooldown");
        let after: u64 = answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=30).contains(&after), "{after}");
    }
    assert_eq!(stage.state().await, before);
    stage.app.clock.advance(TimeDelta::seconds(30));
    {
        let session = stage.session().await;
        let code = stage.bank_code(&session).await;
        let answers = tries(&stage, &code, card).await;
        // The second request for a code ended the first code.
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 400, 400, 204, 204], "{answers:?}");
        stage.app.sms().wait_for(&stage.phone).await;
        let answer = stage.change_bank(&session, &stage.number()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_nothing_is_paid_to_a_card_younger_than_the_change() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let (old, young) = (
        stage.app.card(&stage.agent).await,
        stage.app.card(&stage.agent).await,
    );
    stage.app.credit(&stage.agent, &stage.brand, "9000").await;
    stage
        .app
        .setting(&stage.agent, &stage.brand, "max_open_withdrawals = 10")
        .await;
    let cool = format!(
        "UPDATE agent SET payout_cooldown_since = now() WHERE guid = {}; \
         UPDATE agent_bank_card SET created_at = now() - interval '1 second' WHERE id = {old}; \
         UPDATE agent_bank_card SET created_at = now() + interval '1 second' WHERE id = {young}",
        stage.agent.guid
    );
    stage.app.as_owner(&cool).await;
    let books = stage.app.books().await;
    let answer = session.withdraw("600", young).await;
    answer.assert_problem(409, "payout_cooldown");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(stage.app.books().await, books);
    session.withdrawn("600", old).await;
    stage.app.clock.advance(TimeDelta::hours(24));
    let session = stage.session().await;
    session.withdrawn("600", young).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_the_length_of_the_cooldown_is_a_setting() {
    let stage = Stage::with(&[("PAYOUT_COOLDOWN_HOURS", "1")]).await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    session.post(PHONE, &phone_body(&new, &code)).await;
    assert!(stage.cooling().await);
    let answer = session.post(BANK_SMS, &json!({})).await;
    answer.assert_problem(409, "payout_cooldown");
    stage.app.clock.advance(TimeDelta::hours(1));
    let session = stage.session().await;
    let answer = session.post(BANK_SMS, &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}
