//! Binding, choosing and removing cards.

use agent_domain::portal::withdraw::WithdrawStatus;
use agent_testkit::Answer;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::portal::edit::stage::{ADD, PIN, Stage, card_body};

async fn change(stage: &Stage, card: i64, what: &str, pin: &str) -> Answer {
    let path = format!("/agent/bank/{card}/{what}");
    let body = json!({ "payout_password": pin });
    stage.session().await.post(&path, &body).await
}

async fn with_pin() -> Stage {
    let stage = Stage::set().await;
    stage.app.payout_password(&stage.agent, PIN).await;
    stage
}

async fn live(stage: &Stage) -> Vec<(i64, bool)> {
    let cards = "SELECT id, is_default FROM agent_bank_card WHERE deleted_at IS NULL ORDER BY id";
    let cards = sqlx::query_as(cards).fetch_all(&stage.app.owner);
    cards.await.unwrap()
}

#[tokio::test]
async fn p034_q24_q83_cards_are_added_up_to_the_limit_and_the_first_is_the_default() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let first = stage.number();
    let mut ids = Vec::new();
    for number in [
        first.clone(),
        stage.number(),
        stage.number(),
        stage.number(),
    ] {
        ids.push(stage.add_card(&session, &number).await);
        stage.assert_primary(Some(&first)).await;
    }
    let code = stage.bank_code(&session).await;
    let fifth = stage.number();
    let mut body = card_body(&fifth, &code);
    body["branch"] = json!("Silom");
    let answer = session.post(ADD, &body).await;
    let id = answer.body["id"].as_i64().unwrap();
    let expected = json!({ "id": id, "last4": &fifth[12..] });
    assert_eq!((answer.status, &answer.body), (201, &expected));
    let branch = format!("SELECT branch FROM agent_bank_card WHERE id = {id}");
    assert_eq!(stage.app.text(&branch).await, "Silom");
    ids.push(id);
    let flags: Vec<(i64, bool)> = ids.iter().map(|id| (*id, *id == ids[0])).collect();
    assert_eq!(live(&stage).await, flags);
    let code = stage.bank_code(&session).await;
    let answer = session.post(ADD, &card_body(&stage.number(), &code)).await;
    answer.assert_problem(409, "card_limit");
    let rows = stage.audit().await;
    let row = rows
        .iter()
        .filter(|row| row["action"] == "AGENT_BANK_ADD")
        .nth(1)
        .unwrap();
    assert_eq!(row["old_value"], Value::Null);
    assert_eq!(row["new_value"], json!({ "bank_id": 2, "card_id": ids[1] }));
    assert_eq!(
        (&row["resource"], &row["operator_id"]),
        (
            &json!("agent"),
            &json!(format!("agent:{}", stage.agent.guid))
        )
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_a_card_is_bound_once() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let number = stage.number();
    stage.add_card(&session, &number).await;
    let code = stage.bank_code(&session).await;
    let answer = session.post(ADD, &card_body(&number, &code)).await;
    answer.assert_problem(409, "card_taken");
    for (field, odd) in [
        ("card_number", json!("12")),
        ("branch", json!("a\nb")),
        ("bank_id", json!(9)),
    ] {
        let mut body = card_body(&stage.number(), &code);
        body[field] = odd;
        let answer = session.post(ADD, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], field);
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_the_default_is_chosen_by_the_payout_password() {
    let stage = with_pin().await;
    let session = stage.session().await;
    let (first, second) = (stage.number(), stage.number());
    let (a, b) = (
        stage.add_card(&session, &first).await,
        stage.add_card(&session, &second).await,
    );
    let before = stage.state().await;
    let answer = change(&stage, b, "default", "11111111").await;
    answer.assert_problem(403, "payout_password_invalid");
    let path = format!("/agent/bank/{b}/default");
    let answer = session.post(&path, &json!({})).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(stage.state().await, before);
    for _ in 0..2 {
        let answer = change(&stage, b, "default", PIN).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        stage.assert_primary(Some(&second)).await;
    }
    assert_eq!(live(&stage).await, [(a, false), (b, true)]);
    let rows = stage.audit().await;
    let defaults: Vec<_> = rows
        .iter()
        .filter(|row| row["action"] == "AGENT_BANK_DEFAULT")
        .collect();
    assert_eq!(defaults.len(), 1, "again is no change");
    assert_eq!(
        defaults[0]["old_value"],
        json!({ "bank_id": 2, "card_id": a })
    );
    assert_eq!(
        defaults[0]["new_value"],
        json!({ "bank_id": 2, "card_id": b })
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_an_old_card_becomes_the_payout_account_in_todays_form() {
    let stage = with_pin().await;
    let session = stage.session().await;
    let number = stage.number();
    stage.add_card(&session, &number).await;
    let old = stage.app.legacy_card(&stage.agent).await;
    let answer = change(&stage, old, "default", PIN).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let stored = "SELECT bank_num FROM agent WHERE username = 'owner'";
    assert!(stage.app.text(stored).await.starts_with("aesgcm:v1:"));
    // One that cannot be read cannot be paid to.
    let damage = format!(
        "UPDATE agent_bank_card SET card_number = 'aesgcm:v1:x', is_default = false WHERE id = {old}"
    );
    stage.app.as_owner(&damage).await;
    let before = stage.state().await;
    let answer = change(&stage, old, "default", PIN).await;
    answer.assert_problem(409, "conflict");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_only_own_live_cards_can_be_changed() {
    let stage = with_pin().await;
    let session = stage.session().await;
    stage.add_card(&session, &stage.number()).await;
    let gone = stage.add_card(&session, &stage.number()).await;
    assert_eq!(change(&stage, gone, "remove", PIN).await.status, 204);
    let (other, _) = stage.other("another").await;
    let foreign = stage.app.card(&other).await;
    let before = stage.state().await;
    for card in [gone, foreign, 0, -1, i64::MAX] {
        for what in ["default", "remove"] {
            let answer = change(&stage, card, what, PIN).await;
            answer.assert_problem(404, "not_found");
        }
    }
    let answer = session
        .post("/agent/bank/x/default", &json!({ "payout_password": PIN }))
        .await;
    answer.assert_problem(404, "not_found");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn q100_without_a_payout_password_no_card_is_changed() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let card = stage.add_card(&session, &stage.number()).await;
    for what in ["default", "remove"] {
        let answer = change(&stage, card, what, PIN).await;
        answer.assert_problem(403, "payout_password_unset");
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q100_guesses_on_cards_and_on_withdrawals_are_counted_together() {
    let stage = with_pin().await;
    let session = stage.session().await;
    let card = stage.add_card(&session, &stage.number()).await;
    for what in ["default", "remove", "default", "remove"] {
        let answer = change(&stage, card, what, "11111111").await;
        answer.assert_problem(403, "payout_password_invalid");
    }
    let order = json!({ "amount": "600", "card_id": card, "payout_password": "11111111" });
    let answer = session.post("/agent/withdraw/add", &order).await;
    answer.assert_problem(403, "payout_password_invalid");
    let answer = change(&stage, card, "default", PIN).await;
    answer.assert_problem(429, "rate_limited");
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_when_the_default_goes_the_oldest_other_card_follows() {
    let stage = with_pin().await;
    let session = stage.session().await;
    let numbers = [stage.number(), stage.number(), stage.number()];
    let mut ids = Vec::new();
    for number in &numbers {
        ids.push(stage.add_card(&session, number).await);
    }
    assert_eq!(change(&stage, ids[1], "remove", PIN).await.status, 204);
    stage.assert_primary(Some(&numbers[0])).await;
    assert_eq!(change(&stage, ids[0], "remove", PIN).await.status, 204);
    stage.assert_primary(Some(&numbers[2])).await;
    assert_eq!(live(&stage).await, [(ids[2], true)]);
    assert_eq!(change(&stage, ids[2], "remove", PIN).await.status, 204);
    stage.assert_primary(None).await;
    let rows = stage.audit().await;
    let removed: Vec<_> = rows
        .iter()
        .filter(|row| row["action"] == "AGENT_BANK_REMOVE")
        .map(|row| {
            (
                row["old_value"]["card_id"].as_i64(),
                row["new_value"]["card_id"].as_i64(),
            )
        })
        .collect();
    let expected = [
        (Some(ids[1]), None),
        (Some(ids[0]), Some(ids[2])),
        (Some(ids[2]), None),
    ];
    assert_eq!(removed, expected);
    // A number that was removed may be bound again.
    stage.add_card(&session, &numbers[0]).await;
    stage.assert_primary(Some(&numbers[0])).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_the_default_stays_while_an_order_is_still_to_be_paid() {
    let stage = Stage::set().await;
    let payee = stage.app.payee("payee", &stage.brand, "90000").await;
    stage.app.payout_password(&payee.agent, PIN).await;
    let spare = stage.app.card(&payee.agent).await;
    let pin = json!({ "payout_password": PIN });
    let remove = async |card: i64| {
        let path = format!("/agent/bank/{card}/remove");
        payee.session.post(&path, &pin).await
    };
    let order = json!({ "amount": "600", "card_id": payee.card, "payout_password": PIN });
    let made = payee.session.post("/agent/withdraw/add", &order).await;
    let number = made.body["withdraw_no"].as_str().unwrap().to_owned();
    use WithdrawStatus::{Approved, Paid, Paying, Reviewing};
    remove(payee.card).await.assert_problem(409, "conflict");
    for step in [Reviewing, Approved, Paying] {
        stage.app.move_order(&number, step).await.unwrap();
        remove(payee.card).await.assert_problem(409, "conflict");
    }
    // Another one may go, until it is the last.
    assert_eq!(remove(spare).await.status, 204);
    remove(payee.card).await.assert_problem(409, "conflict");
    stage.app.move_order(&number, Paid).await.unwrap();
    assert_eq!(remove(payee.card).await.status, 204);
    stage.app.finish().await;
}

/// An order and the removal of its card at once: one of them is refused.
#[tokio::test]
async fn q83_a_removal_and_an_order_at_once_exclude_each_other() {
    let stage = Stage::set().await;
    let mut payees = Vec::new();
    for number in 0..6 {
        let payee = stage
            .app
            .payee(&format!("payee_{number}"), &stage.brand, "9000")
            .await;
        stage.app.payout_password(&payee.agent, PIN).await;
        payees.push(payee);
    }
    let both = payees.iter().map(async |payee| {
        let order = json!({ "amount": "600", "card_id": payee.card, "payout_password": PIN });
        let path = format!("/agent/bank/{}/remove", payee.card);
        let pin = json!({ "payout_password": PIN });
        tokio::join!(
            payee.session.post("/agent/withdraw/add", &order),
            payee.session.post(&path, &pin)
        )
    });
    for (order, removal) in join_all(both).await {
        let told = (order.status, removal.status);
        assert!(
            matches!(told, (201, 409) | (422, 204)),
            "{order:?} {removal:?}"
        );
    }
    stage.app.finish().await;
}
