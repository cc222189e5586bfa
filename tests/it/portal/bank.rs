//! `/agent/bank/*` and the alias of the list (P-034, P-069, Q-24, Q-83).

mod cards;

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

fn ids(answer: &Answer) -> Vec<i64> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn p034_p069_q24_own_cards_masked_and_the_catalogue_of_banks() {
    let app = TestApp::spawn().await;
    let brand = app.brand("bank").await;
    let agent = app.agent("bank", &[&brand]).await;
    let card = app.card(&agent).await;
    app.as_owner(
        "INSERT INTO bank (bank_id, code, name, logo_url, enabled, sort) VALUES \
         (7, 'LAST', 'Last Bank', NULL, true, 9), (8, 'FIRST', 'First Bank', 'https://x.test/l.png', true, -1), \
         (9, 'CLOSED', 'Closed Bank', NULL, false, 0)",
    )
    .await;
    let session = app.session(&agent, &brand).await;
    let answer = session.get("/agent/bank/list").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let last4 = app
        .text("SELECT card_last4::text FROM agent_bank_card")
        .await;
    let expected = json!({
        "items": [{
            "id": card, "bank_id": 1, "bank_name": "Test Bank", "last4": last4,
            "holder_masked": answer.body["items"][0]["holder_masked"], "is_default": true,
        }],
        "banks": [
            { "bank_id": 8, "code": "FIRST", "name": "First Bank", "logo_url": "https://x.test/l.png" },
            { "bank_id": 1, "code": "TEST", "name": "Test Bank", "logo_url": null },
            { "bank_id": 7, "code": "LAST", "name": "Last Bank", "logo_url": null },
        ],
    });
    assert_eq!(answer.body, expected);
    let masked = answer.body["items"][0]["holder_masked"].as_str().unwrap();
    assert_eq!(masked.split_whitespace().next(), Some("H***"), "{masked}");
    let alias = session.get("/bank/list").await;
    assert_eq!((alias.status, alias.body), (200, expected));
    app.finish().await;
}

#[tokio::test]
async fn p034_cards_of_others_and_deleted_cards_are_not_shown_and_the_default_comes_first() {
    let app = TestApp::spawn().await;
    let (brand, other_brand) = (app.brand("cards").await, app.brand("more").await);
    let agent = app.agent("cards", &[&brand, &other_brand]).await;
    let child = app
        .agent_under("cards_child", Some(agent.guid), &[&brand])
        .await;
    let (first, second, third) = (
        app.card(&agent).await,
        app.card(&agent).await,
        app.card(&agent).await,
    );
    let of_child = app.card(&child).await;
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET deleted_at = now(), is_default = false WHERE id = {first}; \
         UPDATE agent_bank_card SET is_default = true WHERE id = {third}"
    ))
    .await;
    for host in [&brand, &other_brand] {
        let answer = app
            .session(&agent, host)
            .await
            .get("/agent/bank/list")
            .await;
        assert_eq!(ids(&answer), [third, second], "{answer:?}");
    }
    let answer = app
        .session(&child, &brand)
        .await
        .get("/agent/bank/list")
        .await;
    assert_eq!(ids(&answer), [of_child], "{answer:?}");
    app.finish().await;
}

#[tokio::test]
async fn p034_nothing_is_listed_for_nobody() {
    let app = TestApp::spawn().await;
    let brand = app.brand("nobody").await;
    let agent = app.agent("nobody", &[&brand]).await;
    let empty = app
        .session(&agent, &brand)
        .await
        .get("/agent/bank/list")
        .await;
    assert_eq!(empty.body, json!({ "items": [], "banks": [] }), "{empty:?}");
    for path in ["/agent/bank/list", "/bank/list"] {
        let answer = Answer::of(app.request("GET", &brand.host, path)).await;
        answer.assert_problem(401, "unauthenticated");
        assert_eq!(answer.body["items"], Value::Null);
    }
    app.finish().await;
}
