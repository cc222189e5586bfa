//! What frontends need to start (P-070, Q-27).

use agent_domain::portal::withdraw::WithdrawStatus;
use agent_testkit::{Answer, TestApp};
use serde_json::json;

#[tokio::test]
async fn p070_q27_limits_are_the_agents_own_else_the_brands() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("limited", &[&a, &b]).await;
    let other = app.agent("other", &[&a]).await;
    app.setting(&other, &a, "min_withdrawal_limit = 1").await;
    let session = app.login(&a.host, "limited", &agent.password).await;
    let path = "/agent/common/agent_min_withdrawal_limit";
    let limits =
        |min: &str, max: &str| json!({ "min_amount": min, "max_amount": max, "currency": "THB" });
    assert_eq!(
        session.get(path).await.body,
        limits("500.0000", "50000.0000")
    );
    app.setting(&agent, &a, "min_withdrawal_limit = 750.5")
        .await;
    assert_eq!(
        session.get(path).await.body,
        limits("750.5000", "50000.0000")
    );
    app.setting(&agent, &a, "max_withdrawal_limit = 900").await;
    assert_eq!(session.get(path).await.body, limits("750.5000", "900.0000"));
    // What is set on one brand holds on that one.
    let request = app.request("GET", &b.host, path);
    let elsewhere = Answer::of(request.bearer_auth(&session.access_token)).await;
    assert_eq!(elsewhere.body, limits("500.0000", "50000.0000"));
    app.finish().await;
}

#[tokio::test]
async fn p160_the_brand_of_a_host_is_told_to_anybody() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let request = app.request("GET", &brand.host, "/agent/common/brand");
    let answer = Answer::of(request).await;
    assert_eq!(
        answer.body,
        json!({
            "code": "a", "name": "Brand a", "logo_url": null, "timezone": "Asia/Bangkok",
            "currency": "THB",
        })
    );
    let nobodys = app.request("GET", "nobodys.test", "/agent/common/brand");
    Answer::of(nobodys).await.assert_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn q82_the_names_of_states_are_told() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("curious", &[&brand]).await;
    let session = app.login(&brand.host, "curious", &agent.password).await;
    let told = session.get("/agent/common/enums").await.body;
    let known = WithdrawStatus::ALL.map(WithdrawStatus::as_str);
    assert_eq!(told, json!({ "withdraw_status": known }));
    app.finish().await;
}
