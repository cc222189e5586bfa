//! The main job, end to end (P-095).

use agent_testkit::{TestApp, probe};
use serde_json::json;

#[tokio::test]
async fn p021_p030_p031_p090_p166_p167_an_agent_signs_in_withdraws_and_the_event_is_published() {
    let mut app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("main_job", &[&brand]).await;
    let card = app.card(&agent).await;
    app.credit(&agent, &brand, "2000").await;
    let session = app
        .login(&brand.host, &agent.username, &agent.password)
        .await;

    let form = session.get("/agent/withdraw/init").await;
    assert_eq!(form.status, 200, "{form:?}");
    assert_eq!(form.body["available"], "2000.0000");
    assert_eq!(form.body["cards"][0]["id"], card);

    let made = session
        .post(
            "/agent/withdraw/add",
            &json!({ "amount": "1500.00", "card_id": card }),
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["fee"], "15.0000");
    assert_eq!(made.body["net_amount"], "1485.0000");
    let number = made.body["withdraw_no"].as_str().unwrap().to_owned();

    let list = session.get("/agent/withdraw/list").await;
    assert_eq!(list.body["items"][0]["withdraw_no"], number, "{list:?}");

    // The credit's event and the order's.
    assert_eq!(app.drain_outbox().await, 2);
    let entries = probe::stream(&mut app.redis).await;
    let event = entries
        .iter()
        .find(|entry| entry["event_type"] == "agent.withdraw.created")
        .unwrap();
    assert_eq!(event["schema_version"], "2");
    assert_eq!(event["brand_id"], brand.id.to_string());
    let payload: serde_json::Value = serde_json::from_str(&event["payload"]).unwrap();
    assert_eq!(payload["brand_id"], brand.id.0);
    assert_eq!(payload["withdraw_no"], number);
    app.finish().await;
}
