//! `Idempotency-Key` on `withdraw/add`.

use agent_domain::portal::withdraw::WithdrawStatus::Cancelled;
use agent_testkit::{Answer, Payee, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};

pub(super) fn body(payee: &Payee<'_>, amount: &str) -> Value {
    json!({ "amount": amount, "card_id": payee.card })
}

async fn orders(app: &TestApp) -> i64 {
    app.count("SELECT count(*) FROM agent_withdraw").await
}

#[tokio::test]
async fn q88_the_same_request_later_gets_the_stored_answer() {
    let app = TestApp::spawn().await;
    let brand = app.brand("later").await;
    let payee = app.payee("later", &brand, "5000").await;
    let first = payee
        .session
        .withdraw_once("key", &body(&payee, "500"))
        .await;
    assert_eq!(first.status, 201, "{first:?}");
    let booked = app.books().await;
    let again = payee
        .session
        .withdraw_once("key", &body(&payee, "500"))
        .await;
    assert_eq!((again.status, &again.text), (201, &first.text));

    // Whatever became of the order, from another session, and when no money is left.
    let number = first.body["withdraw_no"].as_str().unwrap();
    assert_eq!(app.books().await, booked);
    app.bring_order(&payee, number, Cancelled).await;
    app.set_brand(&brand, "withdraw_min = 4999").await;
    app.as_owner("UPDATE agent_bank_card SET deleted_at = now()")
        .await;
    let other_session = app.session(&payee.agent, &brand).await;
    let again = other_session
        .withdraw_once("key", &body(&payee, "500"))
        .await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(orders(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn q88_thirty_at_once_make_one_order_and_get_one_answer() {
    let app = TestApp::spawn().await;
    let brand = app.brand("at_once").await;
    let payee = app.payee("at_once", &brand, "50000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    let request = body(&payee, "500");
    let answers = join_all((0..30).map(|_| payee.session.withdraw_once("one", &request))).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.text),
            (201, &answers[0].text),
            "{answer:?}"
        );
    }
    assert_eq!(orders(&app).await, 1);
    let balance = app.balance(&payee.agent, &brand).await;
    assert_eq!(
        (balance.available, balance.frozen),
        (49_500.into(), 500.into())
    );
    let events = "SELECT count(*) FROM agent_outbox WHERE event_type = 'agent.withdraw.created'";
    assert_eq!(app.count(events).await, 1);
    app.finish().await;
}

/// Two bodies race for a key: one wins, all of its twins get its answer, the others are told.
#[tokio::test]
async fn q88_at_once_with_two_bodies_one_wins() {
    let app = TestApp::spawn().await;
    let brand = app.brand("two_bodies").await;
    let payee = app.payee("two_bodies", &brand, "50000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    let bodies = [body(&payee, "500"), body(&payee, "600")];
    let answers =
        join_all((0..30).map(|turn| payee.session.withdraw_once("one", &bodies[turn % 2]))).await;
    let granted: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert_eq!(granted.len(), 15, "{answers:?}");
    assert!(
        granted.iter().all(|answer| answer.text == granted[0].text),
        "{answers:?}"
    );
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.assert_problem(409, "idempotency_conflict");
    }
    assert_eq!(orders(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn q88_another_request_under_the_key_is_a_conflict() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("conflict").await, app.brand("conflict_too").await);
    let payee = app.payee("conflict", &brand, "5000").await;
    let second_card = app.card(&payee.agent).await;
    app.join(&payee.agent, &other).await;
    app.credit(&payee.agent, &other, "5000").await;
    payee
        .session
        .withdraw_once("key", &body(&payee, "500"))
        .await;
    let before = app.books().await;
    for different in [
        body(&payee, "501"),
        json!({ "amount": "500", "card_id": second_card }),
        json!({ "amount": "500", "card_id": payee.card, "remark": "x" }),
    ] {
        let answer = payee.session.withdraw_once("key", &different).await;
        answer.assert_problem(409, "idempotency_conflict");
    }
    let elsewhere = app.session(&payee.agent, &other).await;
    let answer = elsewhere.withdraw_once("key", &body(&payee, "500")).await;
    answer.assert_problem(409, "idempotency_conflict");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn q88_keys_belong_to_their_agent() {
    let app = TestApp::spawn().await;
    let brand = app.brand("agents").await;
    let one = app.payee("one", &brand, "5000").await;
    let two = app.payee("two", &brand, "5000").await;
    let first = one.session.withdraw_once("key", &body(&one, "500")).await;
    let second = two.session.withdraw_once("key", &body(&two, "600")).await;
    assert_eq!(
        (first.status, second.status),
        (201, 201),
        "{first:?} {second:?}"
    );
    assert_ne!(first.body["withdraw_no"], second.body["withdraw_no"]);
    let again = two.session.withdraw_once("key", &body(&two, "600")).await;
    assert_eq!(again.text, second.text);
    // Keys are compared byte by byte.
    let capital = one.session.withdraw_once("KEY", &body(&one, "500")).await;
    capital.assert_problem(409, "withdraw_pending");
    app.finish().await;
}

#[tokio::test]
async fn q88_p059_the_alias_shares_the_operation_and_reads_forms() {
    let app = TestApp::spawn().await;
    let brand = app.brand("alias").await;
    let payee = app.payee("alias", &brand, "5000").await;
    let first = payee
        .session
        .withdraw_once("key", &body(&payee, "500"))
        .await;
    let alias = payee
        .session
        .request("POST", "/withdraw/add")
        .header("Idempotency-Key", "key");
    let again = Answer::of(alias.json(&body(&payee, "500"))).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    let form = |amount: &str| {
        let request = payee
            .session
            .request("POST", "/withdraw/add")
            .header("Idempotency-Key", "key");
        let form = "application/x-www-form-urlencoded";
        let text = format!("amount={amount}&card_id={}", payee.card);
        Answer::of(request.header("Content-Type", form).body(text))
    };
    let again = form("500").await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    form("501")
        .await
        .assert_problem(409, "idempotency_conflict");
    assert_eq!(orders(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn q88_refusals_are_not_stored() {
    let app = TestApp::spawn().await;
    let brand = app.brand("refused").await;
    let payee = app.payee("refused", &brand, "1000").await;
    let session = &payee.session;
    let keys = "SELECT count(*) FROM idempotency_key";
    session
        .withdraw_once("key", &body(&payee, "1"))
        .await
        .assert_problem(422, "below_min_withdrawal");
    session
        .withdraw_once("key", &body(&payee, "x"))
        .await
        .assert_problem(422, "validation_failed");
    session
        .withdraw_once("key", &body(&payee, "1001"))
        .await
        .assert_problem(409, "insufficient_balance");
    assert_eq!(app.count(keys).await, 0);
    // The very same request may be sent again, and then another body too.
    app.credit(&payee.agent, &brand, "1").await;
    let made = session.withdraw_once("key", &body(&payee, "1001")).await;
    assert_eq!(made.status, 201, "{made:?}");
    session
        .withdraw_once("next", &body(&payee, "500"))
        .await
        .assert_problem(409, "withdraw_pending");
    assert_eq!(app.count(keys).await, 1);
    app.finish().await;
}

/// The first of those at once is refused: the next takes the key over, and so on.
#[tokio::test]
async fn q88_refusals_at_once_do_not_block_the_key() {
    let app = TestApp::spawn().await;
    let brand = app.brand("all_refused").await;
    let payee = app.payee("all_refused", &brand, "100").await;
    let request = body(&payee, "500");
    let answers = join_all((0..20).map(|_| payee.session.withdraw_once("key", &request))).await;
    for answer in &answers {
        answer.assert_problem(409, "insufficient_balance");
    }
    assert_eq!(app.count("SELECT count(*) FROM idempotency_key").await, 0);
    app.finish().await;
}
