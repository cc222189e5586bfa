//! Losing a brand (P-168, P-169, P-170, Q-11, Q-12, Q-98).

use std::time::{Duration, Instant};

use agent_testkit::{Answer, TestApp, process};
use serde_json::json;

const ROUTE: &str = "/agent/top_info";

/// Asks until the answer has this status. The caches would hold for a minute: an answer within
/// seconds is the message's work.
async fn until_status(status: u16, mut ask: impl AsyncFnMut() -> Answer) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until the API listens on the channel: it then forgets everything once.
async fn until_subscribed(app: &TestApp) {
    let flushes = app
        .metrics
        .brand_cache_flush_total
        .with_label_values(&["subscribed"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while flushes.get() == 0 {
        assert!(Instant::now() < deadline, "the API does not subscribe");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn p169_p170_q12_q98_a_revocation_refuses_the_next_request_of_a_live_token() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("leaver", &[&a, &b]).await;
    until_subscribed(&app).await;
    let session = app.login(&a.host, "leaver", &agent.password).await;
    for payload in [
        json!({ "agent_id": agent.guid.0, "brand_id": a.id.0 }).to_string(),
        agent.guid.to_string(),
        "everything".to_owned(),
        String::new(),
    ] {
        assert_eq!(session.get(ROUTE).await.status, 200);
        app.allow(&agent, &a, "disabled").await;
        // Without a message the old answer holds for up to a minute (P-168).
        assert_eq!(session.get(ROUTE).await.status, 200);
        app.announce(&payload).await;
        let refused = until_status(403, async || session.get(ROUTE).await).await;
        refused.assert_problem(403, "brand_forbidden");
        // The token is as good as before: other brands, and this one when it comes back.
        let request = app.request("GET", &b.host, ROUTE);
        let elsewhere = Answer::of(request.bearer_auth(&session.access_token)).await;
        assert_eq!(elsewhere.status, 200, "{elsewhere:?}");
        app.allow(&agent, &a, "enabled").await;
        app.announce(&payload).await;
        until_status(200, async || session.get(ROUTE).await).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q98_a_message_about_another_agent_changes_nothing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("stayer", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    until_subscribed(&app).await;
    let session = app.login(&brand.host, "stayer", &agent.password).await;
    let theirs = app.login(&brand.host, "other", &other.password).await;
    assert_eq!(session.get(ROUTE).await.status, 200);
    assert_eq!(theirs.get(ROUTE).await.status, 200);
    for agent in [&agent, &other] {
        app.allow(agent, &brand, "disabled").await;
    }
    app.announce(&other.guid.to_string()).await;
    until_status(403, async || theirs.get(ROUTE).await).await;
    assert_eq!(session.get(ROUTE).await.status, 200, "still remembered");
    app.finish().await;
}

#[tokio::test]
async fn q12_observe_counts_a_revocation_and_passes() {
    let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", "observe")]).await;
    let brand = app.brand("a").await;
    let agent = app.agent("leaver", &[&brand]).await;
    let session = app.login(&brand.host, "leaver", &agent.password).await;
    assert_eq!(session.get(ROUTE).await.status, 200);
    app.allow(&agent, &brand, "disabled").await;
    app.guard.apply_change_message(&agent.guid.to_string());
    assert_eq!(session.get(ROUTE).await.status, 200);
    let counter = &app.metrics.multi_brand_violation_total;
    let counted = counter.with_label_values(&["observe", "brand_forbidden", ROUTE]);
    assert_eq!(counted.get(), 1);
    app.finish().await;
}

#[tokio::test]
async fn q11_without_redis_the_allow_list_still_decides() {
    let nowhere = format!("redis://{}/0", process::free_address());
    let app = TestApp::with(&[("REDIS_URL", nowhere.as_str())]).await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("islander", &[&a]).await;
    let session = app.login(&a.host, "islander", &agent.password).await;
    assert_eq!(session.get(ROUTE).await.status, 200);
    let request = app.request("GET", &b.host, ROUTE);
    let foreign = Answer::of(request.bearer_auth(&session.access_token)).await;
    foreign.assert_problem(403, "brand_forbidden");
    app.finish().await;
}
