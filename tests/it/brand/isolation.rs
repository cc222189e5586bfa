//! What an agent of two brands owns on one never shows on the other.

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn p160_data_of_one_brand_never_shows_on_another() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("both", &[&a, &b]).await;
    let card = app.card(&agent).await;
    app.credit(&agent, &a, "2000").await;
    app.credit(&agent, &b, "700").await;
    app.setting(&agent, &b, "min_withdrawal_limit = 123").await;
    message_on(&app, b.id.0).await;
    let session = app.login(&a.host, "both", &agent.password).await;
    let ask = async |host: &str, method: &str, path: &str, body: Value| {
        let request = app.request(method, host, path);
        let request = request.bearer_auth(&session.access_token);
        let request = match body {
            Value::Null => request,
            body => request.json(&body),
        };
        Answer::of(request).await
    };
    let get = async |host: &str, path: &str| ask(host, "GET", path, Value::Null).await;

    let order = json!({ "amount": "600", "card_id": card });
    let made = ask(&b.host, "POST", "/agent/withdraw/add", order.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let number = made.body["withdraw_no"].as_str().unwrap();

    let (on_a, on_b) = (
        get(&a.host, "/agent/top_info").await.body,
        get(&b.host, "/agent/top_info").await.body,
    );
    let strip = |body: &Value| json!([body["balance"], body["frozen"], body["unread_count"]]);
    assert_eq!(strip(&on_a), json!(["2000.0000", "0.0000", 0]));
    assert_eq!(strip(&on_b), json!(["100.0000", "600.0000", 1]));

    let form = get(&a.host, "/agent/withdraw/init").await.body;
    assert_eq!(form["pending"], Value::Null, "{form}");
    assert_eq!(form["available"], "2000.0000");
    let pending = get(&b.host, "/agent/withdraw/init").await.body;
    assert_eq!(pending["pending"]["withdraw_no"], number);

    let limit = "/agent/common/agent_min_withdrawal_limit";
    let minimum = async |host: &str| get(host, limit).await.body["min_amount"].clone();
    assert_eq!(minimum(&a.host).await, "500.0000");
    assert_eq!(minimum(&b.host).await, "123.0000");

    // Old paths and new ones alike.
    for prefix in ["/agent", ""] {
        let list = get(&a.host, &format!("{prefix}/withdraw/list")).await;
        assert_eq!(list.body["total"], 0, "{list:?}");
        assert_eq!(list.body["items"], json!([]));
        let detail = format!("{prefix}/withdraw/{number}");
        get(&a.host, &detail).await.assert_problem(404, "not_found");
        let cancel = format!("{detail}/cancel");
        let cancelled = ask(&a.host, "POST", &cancel, Value::Null).await;
        cancelled.assert_problem(404, "not_found");
        let own = get(&b.host, &detail).await;
        assert_eq!((own.status, &own.body["status"]), (200, &json!("pending")));
    }
    // The open order on b does not stand in the way of one on a.
    let made = ask(&a.host, "POST", "/agent/withdraw/add", order).await;
    assert_eq!(made.status, 201, "{made:?}");
    app.finish().await;
}

async fn message_on(app: &TestApp, brand: i64) {
    let statement = "INSERT INTO message (brand_id, kind, title, body, starts_at, created_by) \
                     VALUES ($1, 'announcement', 'Title', 'Body', now() - interval '1 hour', 'testkit')";
    sqlx::query(statement)
        .bind(brand)
        .execute(&app.owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn q88_an_idempotency_key_of_one_brand_replays_nothing_on_another() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("both", &[&a, &b]).await;
    let card = app.card(&agent).await;
    app.credit(&agent, &a, "2000").await;
    app.credit(&agent, &b, "2000").await;
    let session = app.login(&a.host, "both", &agent.password).await;
    let order = async |host: &str| {
        let body = json!({ "amount": "600", "card_id": card });
        let request = app.request("POST", host, "/agent/withdraw/add").json(&body);
        let request = request.bearer_auth(&session.access_token);
        Answer::of(request.header("Idempotency-Key", "the-same-key")).await
    };
    let first = order(&a.host).await;
    assert_eq!(first.status, 201, "{first:?}");
    let elsewhere = order(&b.host).await;
    elsewhere.assert_problem(409, "idempotency_conflict");
    let number = first.body["withdraw_no"].as_str().unwrap();
    assert!(!elsewhere.text.contains(number), "{elsewhere:?}");
    app.finish().await;
}
