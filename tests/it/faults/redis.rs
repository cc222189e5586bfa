//! Redis stops, is full, or forbids.

use std::time::Duration;

use agent_testkit::{OwnServers, TestApp, probe};
use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn p093_p094_q86_while_redis_is_down_requests_are_served_and_events_wait_for_it() {
    let mut servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::set(app, &[]).await;
    servers.stop_redis();
    let health = stage.api.wait_for_status("/health", 503).await;
    assert_eq!(health.body["checks"]["redis"], "unhealthy");
    let health = stage.worker.wait_for_status("/health", 503).await;
    assert_eq!(health.body["checks"]["redis"], "unhealthy");
    assert_eq!(stage.api.get("/health/ready").await.status, 204);
    for answer in stage.answers_of_a_crowd(Duration::from_secs(10)).await {
        assert!([200, 201].contains(&answer.status), "{answer:?}");
    }
    // Guessing is limited all the same, by this process alone.
    let mut guesses = Vec::new();
    for _ in 0..12 {
        let body = json!({ "username": "nobody", "password": "a wrong password" });
        let request = stage.api.request("POST", &stage.brand.host, "/agent/login");
        guesses.push(agent_testkit::Answer::of(request.json(&body)).await.status);
    }
    assert_eq!(guesses[..10], [401; 10]);
    assert_eq!(guesses[10..], [429; 2]);
    assert!(
        stage
            .app
            .count("SELECT count(*) FROM agent_outbox_pending")
            .await
            >= 8
    );
    servers.start_redis();
    stage.until_recovered().await;
    stage.strike().await;
}

#[tokio::test]
async fn q94_a_redis_that_is_full_or_forbids_parks_nothing_and_is_recovered_from() {
    let servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::set(
        app,
        &[("OUTBOX_RETRY_MIN_MS", "1"), ("OUTBOX_RETRY_MAX_MS", "5")],
    )
    .await;
    let no: [(&[&str], &[&str]); 2] = [
        (
            &["CONFIG", "SET", "maxmemory", "1"],
            &["CONFIG", "SET", "maxmemory", "0"],
        ),
        (
            &["ACL", "SETUSER", "default", "-xadd"],
            &["ACL", "SETUSER", "default", "+@all"],
        ),
    ];
    for (forbid, allow) in no {
        send(&mut stage, forbid).await;
        // The limits of logins cannot be counted there either, which is no reason to refuse.
        for answer in stage.answers_of_a_crowd(Duration::from_secs(10)).await {
            assert!([200, 201].contains(&answer.status), "{answer:?}");
        }
        // Time for the relay to try more often than a row may be refused.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let untouched =
            "SELECT count(*) FROM agent_outbox_pending WHERE attempts = 0 AND parked_at IS NULL";
        assert!(stage.app.count(untouched).await >= 8);
        let all = "SELECT count(*) FROM agent_outbox_pending";
        assert_eq!(stage.app.count(all).await, stage.app.count(untouched).await);
        send(&mut stage, allow).await;
        stage.until_recovered().await;
    }
    let ids = probe::stream_event_ids(&mut stage.app.redis).await;
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(
        ids.len(),
        distinct.len(),
        "refused batches leave no repetition"
    );
    stage.strike().await;
}

async fn send(stage: &mut Stage, command: &[&str]) {
    let mut line = redis::cmd(command[0]);
    for word in &command[1..] {
        line.arg(word);
    }
    let () = line.query_async(&mut stage.app.redis).await.unwrap();
}
