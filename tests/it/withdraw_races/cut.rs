//! Connections that break between debit and answer: both debit and order exist, or neither.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use agent_testkit::{Payee, TestApp};
use futures_util::future::join_all;
use serde_json::json;

use super::{dice::Dice, trail};

async fn payees<'a>(app: &'a TestApp, code: &str, count: usize) -> Vec<Payee<'a>> {
    let brand = app.brand(code).await;
    let mut payees = Vec::new();
    for at in 0..count {
        let payee = app.payee(&format!("{code}_{at}"), &brand, "100000").await;
        app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
            .await;
        payees.push(payee);
    }
    payees
}

async fn assert_whole(app: &TestApp) {
    trail::assert_orders_and_ledger_agree(app).await;
    let keys =
        "SELECT count(*) FROM idempotency_key WHERE status IS DISTINCT FROM 201 OR body IS NULL";
    assert_eq!(app.count(keys).await, 0, "a key without an answer");
}

/// Clients that hang up at any moment.
#[tokio::test]
async fn q95_a_client_that_hangs_up_leaves_an_order_with_its_debit_or_neither() {
    let app = TestApp::spawn().await;
    let payees = payees(&app, "hang_up", 4).await;
    let mut dice = Dice::new(7);
    let (mut answered, mut cut) = (0, 0);
    for round in 0..30 {
        let attempts =
            payees.iter().enumerate().map(|(at, payee)| {
                let patience = Duration::from_micros(500 + 500 * dice.below(60) as u64);
                let key = format!("{round}-{at}");
                let body = json!({ "amount": "500", "card_id": payee.card });
                async move {
                    tokio::time::timeout(patience, payee.session.withdraw_once(&key, &body)).await
                }
            });
        for outcome in join_all(attempts).await {
            match outcome {
                Ok(answer) => {
                    assert_eq!(answer.status, 201, "{answer:?}");
                    answered += 1;
                }
                Err(_) => cut += 1,
            }
        }
    }
    assert!(
        cut > 10,
        "{answered} answered, {cut} cut: nothing was tried"
    );
    // Whatever was under way has ended when each account was locked once more.
    for payee in &payees {
        payee.session.withdrawn("500", payee.card).await;
    }
    assert_whole(&app).await;
    assert!(app.count("SELECT count(*) FROM agent_withdraw").await >= answered);
    app.finish().await;
}

/// Postgres closes connections at any moment; clients repeat with their key until they are told.
#[tokio::test]
async fn q88_q95_with_a_key_a_repeated_request_makes_one_order_whatever_breaks() {
    let app = TestApp::spawn().await;
    let payees = payees(&app, "broken", 3).await;
    let left = Cell::new(payees.len() * 8);
    let requests = payees
        .iter()
        .flat_map(|payee| (0..8).map(move |key| (payee, key)));
    let clients = requests.map(|(payee, key)| {
        let left = &left;
        async move {
            let body = json!({ "amount": "500", "card_id": payee.card });
            let mut broken = 0;
            loop {
                let answer = payee.session.withdraw_once(&key.to_string(), &body).await;
                match answer.status {
                    201 => break,
                    503 => broken += 1,
                    _ => panic!("{answer:?}"),
                }
                assert!(broken < 500, "never answered");
            }
            left.set(left.get() - 1);
            broken
        }
    });
    let breaker = async {
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                      WHERE datname = current_database() AND application_name = 'agent-api'";
        let mut cut = 0;
        // Not for ever: at the end the clients must get through.
        for _ in 0..60 {
            if left.get() == 0 {
                break;
            }
            cut += app.count(others).await;
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        cut
    };
    let (broken, cut) = tokio::join!(join_all(clients), breaker);
    let broken: i32 = broken.into_iter().sum();
    assert!(
        cut > 5 && broken > 5,
        "{cut} connections cut, {broken} requests broken: nothing was tried"
    );
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, 24);
    assert_eq!(app.count("SELECT count(*) FROM idempotency_key").await, 24);
    assert_whole(&app).await;
    app.finish().await;
}

/// `kill -9` at any moment. Another instance answers for what was done, and does what was not.
#[tokio::test]
async fn q88_q95_a_killed_process_leaves_an_order_with_its_debit_or_neither() {
    let app = TestApp::spawn().await;
    let payees = payees(&app, "killed", 3).await;
    let body = |payee: &Payee<'_>| json!({ "amount": "500", "card_id": payee.card });
    let mut dice = Dice::new(11);
    let mut answers = BTreeMap::new();
    let mut cut = 0;
    for round in 0..4 {
        let api = app.api_binary(&[]).await;
        let mut requests = Vec::new();
        for (at, payee) in payees.iter().enumerate() {
            let token = api.login(&payee.agent, &payee.brand).await;
            for turn in 0..12 {
                let key = format!("{round}-{turn}");
                let request = api
                    .request("POST", &payee.brand.host, "/agent/withdraw/add")
                    .bearer_auth(&token);
                let request = request.header("Idempotency-Key", &key).json(&body(payee));
                requests.push(async move { ((at, key), whole_answer(request).await) });
            }
        }
        let patience = Duration::from_millis(20 + 10 * dice.below(12) as u64);
        let killer = async {
            tokio::time::sleep(patience).await;
            api.kill();
        };
        let (outcomes, ()) = tokio::join!(join_all(requests), killer);
        for (key, answer) in outcomes {
            cut += usize::from(answer.is_none());
            answers.insert(key, answer);
        }
    }
    assert!(
        cut > 10,
        "{cut} of {} requests cut: nothing was tried",
        answers.len()
    );
    for ((at, key), first) in &answers {
        let answer = payees[*at]
            .session
            .withdraw_once(key, &body(&payees[*at]))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(
            first.as_ref().is_none_or(|first| *first == answer.text),
            "{answer:?}"
        );
    }
    let orders = app.count("SELECT count(*) FROM agent_withdraw").await;
    assert_eq!(usize::try_from(orders).unwrap(), answers.len());
    assert_whole(&app).await;
    app.finish().await;
}

/// The body of a 201; `None` when the connection broke first.
async fn whole_answer(request: reqwest::RequestBuilder) -> Option<String> {
    let response = request.send().await.ok()?;
    assert_eq!(response.status(), 201);
    response.text().await.ok()
}
