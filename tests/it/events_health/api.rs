//! The API's routes for operators.

use std::time::{Duration, Instant};

use agent_api::serve::{self, Listeners};
use agent_config::{ApiSettings, Env};
use agent_kv::HeartbeatBody;
use agent_services::Clock;
use agent_testkit::{TestApp, process::free_address};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::get;

fn health(status: &str, database: &str, redis: &str, worker: &str) -> Value {
    json!({
        "status": status,
        "service": "agent_service",
        "checks": { "database": database, "redis": redis, "worker": worker },
    })
}

#[tokio::test]
async fn p093_q18_health_is_degraded_and_never_503_while_no_worker_shows_a_sign_of_life() {
    let app = TestApp::spawn().await;
    let answer = get(&app, "/health").await;
    assert_eq!(
        (answer.status, &answer.body),
        (200, &health("degraded", "ok", "ok", "degraded"))
    );
    assert_eq!(answer.headers["cache-control"], "no-store");

    let worker = app.worker(&[("HEARTBEAT_INTERVAL_MS", "50")]).await;
    let well = health("ok", "ok", "ok", "ok");
    super::until(&app, "/health", |answer| {
        answer.status == 200 && answer.body == well
    })
    .await;
    worker.stop().await;
    // Its key is still there for a while, but what it says is old.
    app.clock.advance(chrono::Duration::seconds(31));
    let alone = health("degraded", "ok", "ok", "degraded");
    super::until(&app, "/health", |answer| {
        answer.status == 200 && answer.body == alone
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn p093_q86_redis_down_is_503_in_health_and_no_reason_to_refuse_a_login() {
    let nowhere = format!("redis://{}/0", free_address());
    let app = TestApp::with(&[("REDIS_URL", &nowhere)]).await;
    let answer = get(&app, "/health").await;
    let expected = health("unhealthy", "ok", "unhealthy", "degraded");
    assert_eq!((answer.status, answer.body), (503, expected));
    assert_eq!(get(&app, "/health/ready").await.status, 204);
    assert_eq!(get(&app, "/health/live").await.status, 204);

    let brand = app.brand("a").await;
    let agent = app.agent("offline", &[&brand]).await;
    let session = app.session(&agent, &brand).await;
    assert_eq!(session.get("/agent/top_info").await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn p093_q92_database_down_is_503_in_health_readiness_and_requests_in_bounded_time() {
    let nowhere = format!("postgres://postgres@{}/x", free_address());
    let app = TestApp::with(&[("DATABASE_URL", &nowhere), ("DB_ACQUIRE_TIMEOUT_MS", "300")]).await;
    let started = Instant::now();
    let answer = get(&app, "/health").await;
    let expected = health("unhealthy", "unhealthy", "ok", "degraded");
    assert_eq!((answer.status, answer.body), (503, expected));
    assert_eq!(get(&app, "/health/ready").await.status, 503);
    assert_eq!(get(&app, "/health/live").await.status, 204);
    let login = app.try_login("a.test", "anybody", "whatever it is").await;
    login.assert_problem(503, "unavailable");
    assert!(login.headers.contains_key("retry-after"));
    // Each of them waits for a connection at most 300 ms, the health check 2 s.
    assert!(started.elapsed() < Duration::from_secs(8));
    app.finish().await;
}

/// The answer is cached for a second.
async fn until_ready(app: &TestApp, status: u16) {
    super::until(app, "/health/ready", |answer| answer.status == status).await;
}

#[tokio::test]
async fn q92_a_database_that_is_not_migrated_is_alive_and_not_ready() {
    let app = TestApp::spawn().await;
    until_ready(&app, 204).await;
    let newest = "version = (SELECT max(version) FROM _sqlx_migrations)";
    app.as_owner(&format!(
        "UPDATE _sqlx_migrations SET success = false WHERE {newest}"
    ))
    .await;
    until_ready(&app, 503).await;
    assert_eq!(get(&app, "/health/live").await.status, 204);
    app.as_owner("UPDATE _sqlx_migrations SET success = true")
        .await;
    until_ready(&app, 204).await;

    let (server, _) = app.environment()["DATABASE_URL"].rsplit_once('/').unwrap();
    let empty = TestApp::with(&[("DATABASE_URL", &format!("{server}/postgres"))]).await;
    assert_eq!(get(&empty, "/health/ready").await.status, 503);
    assert_eq!(get(&empty, "/health/live").await.status, 204);
    empty.finish().await;
    app.finish().await;
}

#[tokio::test]
async fn q92_a_draining_api_is_alive_and_not_ready() {
    let app = TestApp::spawn().await;
    let settings = ApiSettings::load(&Env::from_pairs(app.environment().clone())).unwrap();
    let api = serve::assemble(&settings, Clock::system()).unwrap();
    let ops = api.ops.clone();
    let listeners = Listeners::bind(&settings).unwrap();
    let address = listeners.http.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move { serve::run(api, listeners, &settings, stop).await });
    let status = async |path: &str| {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status("/health/ready").await, 204);
    ops.drain();
    assert_eq!(status("/health/ready").await, 503);
    assert_eq!(status("/health/live").await, 204);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
    app.finish().await;
}

#[tokio::test]
async fn p108_q16_metrics_have_a_listener_of_their_own_and_show_the_mode() {
    for (mode, gauge) in [("off", 0), ("observe", 1), ("enforce", 2)] {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let url = |path: &str| format!("http://{}{path}", app.metrics_address);
        let metrics = reqwest::get(url("/metrics")).await.unwrap();
        assert_eq!(
            metrics.headers()["content-type"],
            "text/plain; version=0.0.4"
        );
        let text = metrics.text().await.unwrap();
        let line = format!("multi_brand_enforcement_mode{{service=\"agent_service\"}} {gauge}");
        assert!(text.lines().any(|found| found == line), "{text}");
        let answer = reqwest::get(url("/health")).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(get(&app, "/metrics").await.status, 404);
        app.finish().await;
    }
}

#[tokio::test]
async fn p110_p111_the_public_keys_are_published_and_nothing_of_the_private_one() {
    let app = TestApp::with(&[("JWT_KID", "")]).await;
    let brand = app.brand("a").await;
    let agent = app.agent("keys", &[&brand]).await;
    let session = app.session(&agent, &brand).await;
    let answer = get(&app, "/.well-known/jwks.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    let keys = answer.body["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let key = keys[0].as_object().unwrap();
    let members: Vec<&str> = key.keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"))
    );
    let header = jsonwebtoken::decode_header(&session.access_token).unwrap();
    assert_eq!(json!(header.kid), key["kid"]);
    app.finish().await;
}

/// However often it is asked, dependencies are asked once a second.
#[tokio::test]
async fn q92_health_is_cached_for_a_second() {
    let mut app = TestApp::spawn().await;
    let beat = HeartbeatBody {
        instance: "w-1".to_owned(),
        at: app.clock.now(),
        started_at: app.clock.now(),
        outbox_poller: true,
        leases_held: 0,
        published: 0,
    };
    loop {
        let asked_at = Instant::now();
        assert_eq!(get(&app, "/health").await.body["status"], "degraded");
        app.app
            .core
            .kv
            .beat(&beat, Duration::from_secs(60))
            .await
            .unwrap();
        let again = get(&app, "/health").await;
        // On a machine too busy for this, try again without the beat.
        if asked_at.elapsed() < Duration::from_secs(1) {
            assert_eq!(again.body["status"], "degraded");
            break;
        }
        let key = agent_kv::keys::heartbeat("w-1");
        let () = redis::cmd("DEL")
            .arg(key)
            .query_async(&mut app.redis)
            .await
            .unwrap();
        super::until(&app, "/health", |answer| {
            answer.body["status"] == "degraded"
        })
        .await;
    }
    super::until(&app, "/health", |answer| answer.body["status"] == "ok").await;
    app.finish().await;
}
