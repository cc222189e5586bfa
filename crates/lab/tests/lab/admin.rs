//! The stand-in for the admin service lets new agents in.

use std::time::{Duration, Instant};

use agent_testkit::{BrandFixture, Session, TestApp};
use serde_json::json;

use crate::support::lab;

async fn made(app: &TestApp, parent: &Session<'_>, username: &str) -> String {
    let body = json!({ "username": username, "percentages": [] });
    let answer = parent.post("/agent/sub/add", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let password = answer.body["initial_password"].as_str().unwrap().to_owned();
    app.plant(&password);
    app.drain_outbox().await;
    password
}

async fn brand_status(app: &TestApp, brand: &BrandFixture, username: &str) -> String {
    app.text(&format!(
        "SELECT max(b.status) FROM agent_brand b JOIN agent a ON a.guid = b.agent_id \
         WHERE a.username = '{username}' AND b.brand_id = {}",
        brand.id
    ))
    .await
}

#[tokio::test]
async fn q81_a_new_agent_is_let_in_where_the_one_above_is() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("a").await, app.brand("b").await);
    let parent = app.agent("parent", &[&brand, &other]).await;
    let gone = app.agent("gone", &[&brand]).await;
    let of_gone = app.session(&gone, &brand).await;
    made(&app, &of_gone, "orphan").await;
    app.allow(&gone, &brand, "disabled").await;
    let session = app.session(&parent, &brand).await;
    let password = made(&app, &session, "newcomer").await;
    let refused = app.try_login(&brand.host, "newcomer", &password).await;
    refused.assert_problem(403, "brand_forbidden");

    let out = lab(&app, &["admin", "--count", "1"]).await.ok();
    assert!(
        out.contains(&format!("may serve brand {}", brand.id)),
        "{out}"
    );
    assert_eq!(brand_status(&app, &brand, "newcomer").await, "enabled");
    assert_eq!(brand_status(&app, &other, "newcomer").await, "");
    assert_eq!(brand_status(&app, &brand, "orphan").await, "");
    // The announcement reaches the API: it does not go on refusing from memory for a minute.
    let start = Instant::now();
    loop {
        let answer = app.try_login(&brand.host, "newcomer", &password).await;
        if answer.status == 200 {
            break;
        }
        answer.assert_problem(403, "brand_forbidden");
        assert!(start.elapsed() < Duration::from_secs(10), "still refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What was decided since stays when the events are read again.
    app.as_owner("UPDATE agent_brand SET status = 'disabled' WHERE agent_id = (SELECT guid FROM agent WHERE username = 'newcomer')")
        .await;
    made(&app, &session, "second").await;
    lab(&app, &["admin", "--count", "1"]).await.ok();
    assert_eq!(brand_status(&app, &brand, "newcomer").await, "disabled");
    assert_eq!(brand_status(&app, &brand, "second").await, "enabled");
    app.finish().await;
}
