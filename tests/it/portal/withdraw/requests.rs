//! What else a request for a withdrawal may and may not carry (P-031).

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn p031_members_that_the_route_does_not_know_change_nothing() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("known").await, app.brand("other").await);
    let payee = app.payee("honest", &brand, "5000").await;
    let victim = app.payee("victim", &other, "5000").await;
    let body = json!({
        "amount": "1000", "card_id": payee.card,
        "brand_id": other.id, "agent_id": victim.agent.guid, "agent": victim.agent.guid, "status": "paid",
        "fee": "0", "net_amount": "1000", "currency": "USD", "withdraw_no": "W20260101000001", "guid": 1,
        "created_at": "2020-01-01T00:00:00Z", "reviewed_by": "me", "paid_at": "2020-01-01T00:00:00Z",
        "card_number": "4111111111111111", "bank_name": "Mine", "max_open": 99, "min_amount": "0",
        "__proto__": { "status": "paid" }, "Amount": "9", "AMOUNT": "9", "amount ": "9",
    });
    let request = payee
        .session
        .request("POST", "/agent/withdraw/add?brand_id=2&amount=9&agent_id=2");
    let answer = Answer::of(
        request
            .header("X-Brand-Id", other.id.to_string())
            .json(&body),
    )
    .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let number = answer.body["withdraw_no"].as_str().unwrap().to_owned();
    let expected = json!({
        "withdraw_no": number, "amount": "1000.0000", "fee": "10.0000", "net_amount": "990.0000",
        "currency": "THB", "status": "pending",
    });
    assert_eq!(answer.body, expected);
    let stored = format!(
        "SELECT concat_ws(' ', agent_id, brand_id, currency, amount, fee, net_amount, card_id, bank_name, status, \
                          reviewed_by, paid_at, created_at > now() - interval '1 minute') \
         FROM agent_withdraw WHERE withdraw_no = '{number}'"
    );
    let wanted = format!(
        "{} {} THB 1000.0000 10.0000 990.0000 {} Test Bank pending t",
        payee.agent.guid, brand.id, payee.card
    );
    assert_eq!(app.text(&stored).await, wanted);
    let untouched = app.balance(&victim.agent, &other).await;
    assert_eq!(
        (untouched.available, untouched.frozen),
        (5000.into(), 0.into())
    );
    app.finish().await;
}

/// The event and the audit row of an order say whose it is, on which brand, and no more of the
/// card than its last digits.
#[tokio::test]
async fn p031_p166_p217_an_order_leaves_one_audit_row_and_one_event() {
    let app = TestApp::spawn().await;
    let brand = app.brand("trail").await;
    let payee = app.payee("trail", &brand, "5000").await;
    let number = payee.session.withdrawn("1000", payee.card).await;
    let audit = format!(
        "SELECT json_agg(json_build_array(operator_id, resource, action, brand_id, old_value, new_value))::text \
         FROM admin_audit WHERE resource_id = '{number}'"
    );
    let audit: Value = serde_json::from_str(&app.text(&audit).await).unwrap();
    let operator = format!("agent:{}", payee.agent.guid);
    let new_value = json!({
        "amount": "1000.0000", "currency": "THB", "card_id": payee.card, "bank_id": 1, "status": "pending",
    });
    assert_eq!(
        audit,
        json!([[
            operator,
            "agent_withdraw",
            "AGENT_WITHDRAW_ADD",
            brand.id,
            null,
            new_value
        ]])
    );
    let events = "SELECT json_agg(json_build_array(event_type, brand_id, payload))::text FROM agent_outbox \
                  WHERE aggregate_type = 'agent_withdraw'";
    let events: Value = serde_json::from_str(&app.text(events).await).unwrap();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0][0], "agent.withdraw.created");
    assert_eq!(events[0][1], brand.id.0);
    assert_eq!(events[0][2]["brand_id"], brand.id.0);
    assert_eq!(events[0][2]["agent_id"], payee.agent.guid.0);
    assert_eq!(events[0][2]["withdraw_no"], number);
    let last4 = "SELECT card_last4::text FROM agent_bank_card";
    assert_eq!(events[0][2]["card_last4"], app.text(last4).await);
    assert!(events[0][2].get("card_number").is_none() && events[0][2].get("holder_name").is_none());
    app.finish().await;
}

#[tokio::test]
async fn p031_a_remark_has_at_most_200_characters_and_is_kept_as_it_is() {
    let app = TestApp::spawn().await;
    let brand = app.brand("remark").await;
    let payee = app.payee("remark", &brand, "50000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 99")
        .await;
    let body = |remark: Value| json!({ "amount": "500", "card_id": payee.card, "remark": remark });
    let before = app.books().await;
    for remark in [
        json!("x".repeat(201)),
        json!("ก".repeat(201)),
        json!("x".repeat(50_000)),
        json!("a\u{0}b"),
        json!(5),
        json!(["a"]),
        json!({ "a": 1 }),
        json!(false),
    ] {
        let answer = payee
            .session
            .post("/agent/withdraw/add", &body(remark.clone()))
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], "remark", "{answer:?}");
    }
    assert_eq!(app.books().await, before);
    for remark in [
        json!("ก".repeat(200)),
        json!("'); DROP TABLE agent_withdraw; --"),
        json!("line\r\nbreak \u{1b}[31m \u{202e} <script> \"quoted\" \\ %s {}"),
        json!(""),
        json!(null),
    ] {
        let answer = payee
            .session
            .post("/agent/withdraw/add", &body(remark.clone()))
            .await;
        assert_eq!(answer.status, 201, "{remark}: {answer:?}");
        let number = answer.body["withdraw_no"].as_str().unwrap();
        let order = payee
            .session
            .get(&format!("/agent/withdraw/{number}"))
            .await;
        assert_eq!(order.body["remark"], remark, "{order:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p031_the_client_address_is_kept_as_a_keyed_hash_only() {
    let app = TestApp::spawn().await;
    let brand = app.brand("address").await;
    let payee = app.payee("address", &brand, "5000").await;
    payee.session.withdrawn("500", payee.card).await;
    let hash = app
        .text("SELECT requested_ip_hash FROM agent_withdraw")
        .await;
    assert!(
        hash.len() >= 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
        "{hash}"
    );
    app.finish().await;
}

#[tokio::test]
async fn p031_outcomes_are_counted_by_code() {
    let app = TestApp::spawn().await;
    let brand = app.brand("counted").await;
    let payee = app.payee("counted", &brand, "5000").await;
    payee.session.withdrawn("500", payee.card).await;
    payee.session.withdraw("500", payee.card).await;
    payee.session.withdraw("1", payee.card).await;
    let metrics = app.metrics.render();
    for outcome in ["created", "withdraw_pending", "below_min_withdrawal"] {
        let line = format!(r#"withdrawals_total{{outcome="{outcome}",service="agent_service"}} 1"#);
        assert!(metrics.contains(&line), "{outcome}");
    }
    app.finish().await;
}
