//! The payout password: a short PIN, guessed at most five times in fifteen minutes.

use std::time::Duration;

use agent_testkit::{Answer, Payee, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};

const PIN: &str = "4829136075";

/// An agent with a payout password who may have many orders open.
async fn guarded<'a>(app: &'a TestApp, username: &str) -> Payee<'a> {
    app.plant(PIN);
    let brand = app.brand(username).await;
    let payee = app.payee(username, &brand, "500000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    app.payout_password(&payee.agent, PIN).await;
    payee
}

async fn add(payee: &Payee<'_>, pin: impl Into<Value>) -> Answer {
    let body = json!({ "amount": "500", "card_id": payee.card, "payout_password": pin.into() });
    payee.session.post("/agent/withdraw/add", &body).await
}

#[tokio::test]
async fn p031_q100_once_set_the_payout_password_is_needed() {
    let app = TestApp::spawn().await;
    let payee = guarded(&app, "needed").await;
    let before = app.books().await;
    payee
        .session
        .withdraw("500", payee.card)
        .await
        .assert_problem(403, "payout_password_invalid");
    add(&payee, Value::Null)
        .await
        .assert_problem(403, "payout_password_invalid");
    for odd in [
        json!(4_829_136_075_i64),
        json!([PIN]),
        json!({}),
        json!(""),
        json!("9".repeat(65)),
        json!(true),
    ] {
        add(&payee, odd)
            .await
            .assert_problem(422, "validation_failed");
    }
    add(&payee, "482913607")
        .await
        .assert_problem(403, "payout_password_invalid");
    let password = payee.agent.password.clone();
    add(&payee, password)
        .await
        .assert_problem(403, "payout_password_invalid");
    assert_eq!(app.books().await, before);
    let answer = add(&payee, PIN).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    app.finish().await;
}

#[tokio::test]
async fn q100_who_set_none_may_send_any() {
    let app = TestApp::spawn().await;
    let brand = app.brand("unset").await;
    let payee = app.payee("unset", &brand, "5000").await;
    assert_eq!(add(&payee, "anything").await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn q100_after_five_wrong_ones_none_is_looked_at_whoever_asks() {
    let app = TestApp::spawn().await;
    let payee = guarded(&app, "guessed").await;
    let colleague = app.payee("not_guessed", &payee.brand, "5000").await;
    app.payout_password(&colleague.agent, PIN).await;
    for _ in 0..4 {
        add(&payee, "000000")
            .await
            .assert_problem(403, "payout_password_invalid");
    }
    // A right one is given back, and gives nothing more.
    assert_eq!(add(&payee, PIN).await.status, 201);
    add(&payee, "000000")
        .await
        .assert_problem(403, "payout_password_invalid");
    let before = app.books().await;
    let other_session = app.session(&payee.agent, &payee.brand).await;
    for session in [&payee.session, &other_session] {
        for (path, pin) in [
            ("/agent/withdraw/add", PIN),
            ("/withdraw/add", PIN),
            ("/withdraw/add", "000000"),
        ] {
            let body = json!({ "amount": "500", "card_id": payee.card, "payout_password": pin });
            let answer = session.post(path, &body).await;
            answer.assert_problem(429, "rate_limited");
            let wait: u64 = answer.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!((1..=900).contains(&wait), "{wait}");
        }
    }
    assert_eq!(app.books().await, before);
    assert_eq!(
        add(&colleague, PIN).await.status,
        201,
        "another agent's guesses are another's"
    );
    app.finish().await;
}

#[tokio::test]
async fn q100_the_window_ends() {
    let app = TestApp::with(&[
        ("PAYOUT_PASSWORD_FAILURES", "2"),
        ("PAYOUT_PASSWORD_WINDOW_SECONDS", "1"),
    ])
    .await;
    let payee = guarded(&app, "patient").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    // Three guesses within one second are refused sooner or later, however slow the machine.
    while add(&payee, "000000").await.status != 429 {
        assert!(std::time::Instant::now() < deadline, "the limit never came");
    }
    while add(&payee, PIN).await.status != 201 {
        assert!(
            std::time::Instant::now() < deadline,
            "the window never ended"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q100_of_guesses_at_once_no_more_than_five_are_looked_at() {
    let app = TestApp::spawn().await;
    let payee = guarded(&app, "flooded").await;
    let guesses = (0..40).map(|guess| add(&payee, format!("{guess:06}")));
    let answers = join_all(guesses).await;
    let with = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((with(403), with(429)), (5, 35), "{answers:?}");
    app.finish().await;
}

#[tokio::test]
async fn q100_right_ones_at_once_are_never_taken_for_guesses() {
    let app = TestApp::spawn().await;
    let payee = guarded(&app, "busy").await;
    let answers = join_all((0..20).map(|_| add(&payee, PIN))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 201),
        "{answers:?}"
    );
    app.finish().await;
}

/// While guesses cannot be counted none is evaluated, not even a right one; agents without a
/// payout password are not concerned.
#[tokio::test]
async fn q100_without_redis_the_check_fails_closed() {
    let nowhere = format!("redis://{}/0", agent_testkit::process::free_address());
    let app = TestApp::with(&[("REDIS_URL", &nowhere)]).await;
    let payee = guarded(&app, "closed").await;
    let before = app.books().await;
    for pin in ["000000", PIN] {
        let answer = add(&payee, pin).await;
        answer.assert_problem(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert_eq!(app.books().await, before);
    let open = app.payee("open", &payee.brand, "5000").await;
    open.session.withdrawn("500", open.card).await;
    app.finish().await;
}

/// A stored answer must not tell whether a guess was right: with a key that is known or guessed it
/// would be a way round the limit.
#[tokio::test]
async fn q88_q100_a_replay_needs_the_payout_password_too() {
    let app = TestApp::spawn().await;
    let payee = guarded(&app, "oracle").await;
    let body =
        |pin: &str| json!({ "amount": "500", "card_id": payee.card, "payout_password": pin });
    let first = payee.session.withdraw_once("1", &body(PIN)).await;
    assert_eq!(first.status, 201, "{first:?}");
    let replay = payee.session.withdraw_once("1", &body(PIN)).await;
    assert_eq!((replay.status, &replay.body), (201, &first.body));
    let without = json!({ "amount": "500", "card_id": payee.card });
    let answer = payee.session.withdraw_once("1", &without).await;
    answer.assert_problem(403, "payout_password_invalid");
    for _ in 0..5 {
        let answer = payee.session.withdraw_once("1", &body("000000")).await;
        answer.assert_problem(403, "payout_password_invalid");
    }
    for pin in ["000000", PIN] {
        let answer = payee.session.withdraw_once("1", &body(pin)).await;
        answer.assert_problem(429, "rate_limited");
    }
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, 1);
    app.finish().await;
}
