//! The worker's health, and what others see of it.

use std::time::{Duration, Instant};

use agent_testkit::{TestApp, process::free_address, worker::RunningWorker};
use serde_json::{Value, json};

use super::{DEADLINE, until};

/// Short times; the API judges by the same ones.
const QUICK: [(&str, &str); 3] = [
    ("HEARTBEAT_INTERVAL_MS", "50"),
    ("HEARTBEAT_STALE_MS", "1000"),
    ("OUTBOX_POLL_MS", "50"),
];

fn health(status: &str, database: &str, redis: &str, outbox: &str) -> Value {
    json!({
        "status": status,
        "service": "agent_worker",
        "checks": { "database": database, "redis": redis, "outbox": outbox },
    })
}

async fn until_health(worker: &RunningWorker, status: u16, body: &Value) {
    let started = Instant::now();
    loop {
        let answer = worker.health().await;
        if (answer.status, &answer.body) == (status, body) {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_api(app: &TestApp, status: &str, worker: &str) {
    let body = json!({
        "status": status,
        "service": "agent_service",
        "checks": { "database": "ok", "redis": "ok", "worker": worker },
    });
    until(app, "/health", |answer| {
        answer.status == 200 && answer.body == body
    })
    .await;
}

#[tokio::test]
async fn p094_a_loop_that_hangs_turns_health_red_and_ends_the_heartbeat_while_the_process_lives() {
    let app = TestApp::with(&QUICK).await;
    let patient = [
        ("DB_LOCK_TIMEOUT_MS", "60000"),
        ("DB_STATEMENT_TIMEOUT_MS", "60000"),
    ];
    let worker = app.worker(&patient).await;
    let well = health("ok", "ok", "ok", "ok");
    until_health(&worker, 200, &well).await;
    until_api(&app, "ok", "ok").await;

    let mut lock = app.owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE outbox_lease IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    until_health(&worker, 503, &health("unhealthy", "ok", "ok", "unhealthy")).await;
    until_api(&app, "degraded", "degraded").await;
    let beats = app.app.core.kv.latest().await.unwrap();
    let oldest = app.clock.now() - chrono::Duration::seconds(1);
    assert!(beats.iter().all(|beat| beat.at < oldest), "{beats:?}");

    lock.rollback().await.unwrap();
    until_health(&worker, 200, &well).await;
    until_api(&app, "ok", "ok").await;
    worker.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn p094_a_poll_longer_than_a_sign_is_good_is_no_hang() {
    let app = TestApp::with(&QUICK).await;
    let long = [("OUTBOX_POLL_MS", "60000"), ("OUTBOX_LEASE_MS", "120000")];
    let worker = app.worker(&long).await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2_500) {
        let answer = worker.health().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    worker.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn p120_q17_switched_off_the_worker_idles_healthy_and_says_so() {
    let app = TestApp::with(&QUICK).await;
    let brand = app.brand("a").await;
    let payee = app.payee("unpublished", &brand, "5000").await;
    payee.session.withdrawn("1000", payee.card).await;
    let worker = app.worker(&[("ENABLE_OUTBOX_POLLER", "off")]).await;
    until_health(&worker, 200, &health("ok", "ok", "ok", "disabled")).await;
    until_api(&app, "ok", "ok").await;
    // Still so when a sign would have gone stale.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    until_health(&worker, 200, &health("ok", "ok", "ok", "disabled")).await;
    let beats = app.app.core.kv.latest().await.unwrap();
    assert_eq!((beats.len(), beats[0].outbox_poller), (1, false));
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox_pending").await,
        2
    );
    assert_eq!(app.app.core.kv.stream_len().await, Ok(0));
    assert_eq!(app.count("SELECT count(*) FROM outbox_worker").await, 0);
    assert!(app.logs.text().contains("ENABLE_OUTBOX_POLLER is off"));
    worker.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn p001_p108_the_worker_serves_its_own_metrics() {
    let app = TestApp::with(&QUICK).await;
    let worker = app.worker(&[]).await;
    until_health(&worker, 200, &health("ok", "ok", "ok", "ok")).await;
    let started = Instant::now();
    let leases = "outbox_leases_held{service=\"agent_worker\"} 16";
    loop {
        let url = format!("http://{}/metrics", worker.address);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        if text.lines().any(|line| line == leases) {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.stop().await;
    assert_eq!(
        app.count("SELECT count(*) FROM outbox_lease WHERE owner IS NOT NULL")
            .await,
        0
    );
    assert_eq!(app.count("SELECT count(*) FROM outbox_worker").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn p093_p094_a_worker_without_database_or_redis_stays_up_and_says_what_is_wrong() {
    let app = TestApp::with(&QUICK).await;
    let redis = format!("redis://{}/0", free_address());
    let worker = app.worker(&[("REDIS_URL", &redis)]).await;
    until_health(&worker, 503, &health("unhealthy", "ok", "unhealthy", "ok")).await;
    worker.stop().await;
    let database = format!("postgres://postgres@{}/x", free_address());
    let overrides = [
        ("DATABASE_URL", database.as_str()),
        ("DB_ACQUIRE_TIMEOUT_MS", "200"),
    ];
    let worker = app.worker(&overrides).await;
    until_health(
        &worker,
        503,
        &health("unhealthy", "unhealthy", "ok", "unhealthy"),
    )
    .await;
    worker.stop().await;
    app.finish().await;
}

/// Database and Redis answer, and yet nothing can be published.
#[tokio::test]
async fn p094_publishing_that_fails_shows_first_as_degraded_and_then_as_unhealthy() {
    let mut app = TestApp::with(&QUICK).await;
    let brand = app.brand("a").await;
    let () = redis::cmd("SET")
        .arg(agent_kv::keys::STREAM)
        .arg("no stream")
        .query_async(&mut app.redis)
        .await
        .unwrap();
    let worker = app.worker(&[]).await;
    until_health(&worker, 200, &health("ok", "ok", "ok", "ok")).await;
    let agent = app.agent("stuck", &[&brand]).await;
    app.credit(&agent, &brand, "1").await;
    until_health(&worker, 200, &health("degraded", "ok", "ok", "degraded")).await;
    until_health(&worker, 503, &health("unhealthy", "ok", "ok", "unhealthy")).await;
    // It goes on trying, which is what the heartbeat says.
    until_api(&app, "ok", "ok").await;
    let () = redis::cmd("DEL")
        .arg(agent_kv::keys::STREAM)
        .query_async(&mut app.redis)
        .await
        .unwrap();
    until_health(&worker, 200, &health("ok", "ok", "ok", "ok")).await;
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox_pending").await,
        0
    );
    worker.stop().await;
    app.finish().await;
}
