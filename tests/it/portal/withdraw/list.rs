//! `/agent/withdraw/list`: filter, pages, totals.

use agent_testkit::TestApp;
use serde_json::{Value, json};

fn numbers(body: &Value) -> Vec<String> {
    let items = body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["withdraw_no"].as_str().unwrap().to_owned())
        .collect()
}

const JANUARY: &str = "date_from=2026-01-01&date_to=2026-01-31";

#[tokio::test]
async fn q96_pages_cover_every_order_once_newest_first_and_totals_cover_the_filter() {
    let app = TestApp::spawn().await;
    let brand = app.brand("pages").await;
    let payee = app.payee("pages", &brand, "1").await;
    // All at one instant: the order between them must still be the same on every page.
    app.plant_orders(&payee, 15, "paid", "2026-01-10 00:00:00Z", "0 s")
        .await;
    app.plant_orders(&payee, 10, "rejected", "2026-01-09 00:00:00Z", "1 s")
        .await;
    let expected = app
        .text("SELECT string_agg(withdraw_no, ',' ORDER BY created_at DESC, guid DESC) FROM agent_withdraw")
        .await;
    let summary = json!({
        "paid": { "count": 15, "amount": "1605.0000" },
        "rejected": { "count": 10, "amount": "1045.0000" },
    });
    let mut seen = Vec::new();
    for (page, rows) in [(1, 10), (2, 10), (3, 5), (4, 0), (1_000_000, 0)] {
        let path = format!("/agent/withdraw/list?{JANUARY}&page={page}&page_size=10");
        let answer = payee.session.get(&path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(numbers(&answer.body).len(), rows, "page {page}");
        assert_eq!(answer.body["total"], 25);
        assert_eq!(answer.body["total_capped"], false);
        assert_eq!(
            (&answer.body["page"], &answer.body["page_size"]),
            (&json!(page), &json!(10))
        );
        assert_eq!(answer.body["summary"], summary, "page {page}");
        seen.extend(numbers(&answer.body));
    }
    assert_eq!(seen.join(","), expected);

    let all = payee
        .session
        .get(&format!("/agent/withdraw/list?{JANUARY}&page_size=100"))
        .await;
    assert_eq!(numbers(&all.body), seen);
    let usual = payee
        .session
        .get(&format!("/withdraw/list?{JANUARY}"))
        .await;
    assert_eq!(numbers(&usual.body), seen[..20]);
    assert_eq!(usual.body["page_size"], 20);
    app.finish().await;
}

#[tokio::test]
async fn q96_a_state_filters_rows_and_totals_alike() {
    let app = TestApp::spawn().await;
    let brand = app.brand("states").await;
    let payee = app.payee("states", &brand, "1").await;
    let states = [
        "pending",
        "reviewing",
        "approved",
        "paying",
        "paid",
        "rejected",
        "cancelled",
    ];
    for (at, status) in states.into_iter().enumerate() {
        let count = i64::try_from(at + 1).unwrap();
        app.plant_orders(&payee, count, status, "2026-01-10 00:00:00Z", "1 s")
            .await;
    }
    for (at, status) in states.into_iter().enumerate() {
        let path = format!("/agent/withdraw/list?{JANUARY}&status={status}");
        let answer = payee.session.get(&path).await;
        let items = answer.body["items"].as_array().unwrap();
        assert_eq!(items.len(), at + 1, "{answer:?}");
        assert!(
            items.iter().all(|item| item["status"] == status),
            "{answer:?}"
        );
        assert_eq!(answer.body["total"], at + 1);
        let summary = answer.body["summary"].as_object().unwrap();
        assert_eq!(summary.keys().collect::<Vec<_>>(), [status]);
    }
    for odd in [
        "open",
        "PAID",
        "",
        "paid,pending",
        "paid%20",
        "paid&status=pending",
        "0",
        "null",
    ] {
        let answer = payee
            .session
            .get(&format!("/agent/withdraw/list?status={odd}"))
            .await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn q96_page_numbers_out_of_bounds_are_refused() {
    let app = TestApp::spawn().await;
    let brand = app.brand("bounds").await;
    let payee = app.payee("bounds", &brand, "1").await;
    for query in [
        "page=0",
        "page=-1",
        "page=1000001",
        "page=9223372036854775807",
        "page=9223372036854775808",
        "page=1.0",
        "page=abc",
        "page=",
        "page=1e3",
        "page=%2B1",
        "page=1&page=2",
        "page=\u{661}",
        "page_size=0",
        "page_size=101",
        "page_size=-5",
        "page_size=x",
        "page_size=9999999999999999999999",
    ] {
        let answer = payee
            .session
            .get(&format!("/agent/withdraw/list?{query}"))
            .await;
        answer.assert_problem(422, "validation_failed");
    }
    for query in [
        "page=1",
        "page=1000000&page_size=100",
        "unknown=1",
        "offset=-1&limit=0",
    ] {
        let answer = payee
            .session
            .get(&format!("/agent/withdraw/list?{query}"))
            .await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q96_above_ten_thousand_rows_the_total_is_capped_and_says_so() {
    let app = TestApp::spawn().await;
    let brand = app.brand("many").await;
    let payee = app.payee("many", &brand, "1").await;
    app.plant_orders(&payee, 10_000, "paid", "2026-01-10 00:00:00Z", "1 s")
        .await;
    let path = format!("/agent/withdraw/list?{JANUARY}&page=100&page_size=100");
    let answer = payee.session.get(&path).await;
    assert_eq!(numbers(&answer.body).len(), 100);
    assert_eq!(
        (&answer.body["total"], &answer.body["total_capped"]),
        (&json!(10_000), &json!(false))
    );
    app.plant_orders(&payee, 1, "rejected", "2026-01-11 00:00:00Z", "1 s")
        .await;
    let answer = payee.session.get(&path).await;
    assert_eq!(
        (&answer.body["total"], &answer.body["total_capped"]),
        (&json!(10_000), &json!(true))
    );
    assert_eq!(
        answer.body["summary"]["paid"]["count"], 10_000,
        "the summary is not capped"
    );
    app.finish().await;
}

#[tokio::test]
async fn q96_totals_survive_the_largest_storable_amounts() {
    let app = TestApp::spawn().await;
    let brand = app.brand("large").await;
    let payee = app.payee("large", &brand, "1").await;
    app.plant_orders(&payee, 50, "paid", "2026-01-10 00:00:00Z", "1 s")
        .await;
    app.as_owner(
        "UPDATE agent_withdraw SET amount = 9999999999999999.9999, fee = 0, net_amount = 9999999999999999.9999",
    )
    .await;
    let answer = payee
        .session
        .get(&format!("/agent/withdraw/list?{JANUARY}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.body["summary"]["paid"]["amount"],
        "499999999999999999.9950"
    );
    assert_eq!(answer.body["items"][0]["amount"], "9999999999999999.9999");
    app.finish().await;
}

#[tokio::test]
async fn p029_a_list_holds_own_orders_of_this_brand_only() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("here").await, app.brand("there").await);
    let payee = app.payee("here", &brand, "5000").await;
    let colleague = app.payee("colleague", &brand, "5000").await;
    let child = app
        .agent_under("child_of_here", Some(payee.agent.guid), &[&brand])
        .await;
    let child_card = app.card(&child).await;
    app.credit(&child, &brand, "5000").await;
    app.session(&child, &brand)
        .await
        .withdrawn("500", child_card)
        .await;
    colleague.session.withdrawn("500", colleague.card).await;
    app.join(&payee.agent, &other).await;
    app.credit(&payee.agent, &other, "5000").await;
    let elsewhere = app.session(&payee.agent, &other).await;
    let there = elsewhere.withdrawn("600", payee.card).await;

    let empty = payee.session.get("/agent/withdraw/list").await;
    assert_eq!(
        (&empty.body["items"], &empty.body["total"]),
        (&json!([]), &json!(0)),
        "{empty:?}"
    );
    assert_eq!(empty.body["summary"], json!({}));
    let here = payee.session.withdrawn("700", payee.card).await;
    let mine = payee.session.get("/agent/withdraw/list").await;
    assert_eq!(numbers(&mine.body), [here]);
    assert_eq!(
        numbers(&elsewhere.get("/agent/withdraw/list").await.body),
        [there]
    );
    app.finish().await;
}
