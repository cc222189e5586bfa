//! Networks that swallow packets or cut connections.

use std::time::{Duration, Instant};

use agent_testkit::{
    TestApp,
    proxy::{Proxy, Weather},
};

use super::stage::Stage;

/// Proxies before both servers, and the URLs that lead through them.
async fn behind_proxies(app: &TestApp) -> ([Proxy; 2], [(&'static str, String); 2]) {
    let of = |name: &str| app.environment()[name].clone();
    let (database, redis) = (of("DATABASE_URL"), of("REDIS_URL"));
    let proxies = [
        Proxy::before(&database).await.unwrap(),
        Proxy::before(&redis).await.unwrap(),
    ];
    let urls = [
        ("DATABASE_URL", proxies[0].url(&database)),
        ("REDIS_URL", proxies[1].url(&redis)),
    ];
    (proxies, urls)
}

#[tokio::test]
async fn p093_p094_black_holes_and_cut_connections_are_survived() {
    let app = TestApp::spawn().await;
    let (proxies, urls) = behind_proxies(&app).await;
    let urls = urls.each_ref().map(|(name, url)| (*name, url.as_str()));
    let mut stage = Stage::set(app, &urls).await;
    let [database, redis] = &proxies;

    // Redis alone: requests go on, each call to Redis costs at most its time limit.
    redis.set(Weather::BlackHole);
    for answer in stage.answers_of_a_crowd(Duration::from_secs(20)).await {
        assert!([200, 201, 503].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(stage.read().await.status, 200);
    redis.set(Weather::Fair);
    stage.until_recovered().await;

    // Both: the deadline of requests is 3 s, and so is the answer of those that wait.
    database.set(Weather::BlackHole);
    redis.set(Weather::BlackHole);
    for answer in stage.answers_of_a_crowd(Duration::from_secs(12)).await {
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let asked_at = Instant::now();
    assert_eq!(stage.api.get("/health").await.status, 503);
    assert!(asked_at.elapsed() < Duration::from_secs(5));
    assert_eq!(stage.api.get("/health/live").await.status, 204);
    stage.worker.wait_for_status("/health", 503).await;
    database.set(Weather::Fair);
    redis.set(Weather::Fair);
    stage.until_recovered().await;

    for _ in 0..3 {
        database.set(Weather::Cut);
        redis.set(Weather::Cut);
        stage.answers_of_a_crowd(Duration::from_secs(10)).await;
        database.set(Weather::Fair);
        redis.set(Weather::Fair);
        stage.answers_of_a_crowd(Duration::from_secs(10)).await;
    }
    stage.until_recovered().await;
    stage.strike().await;
}

#[tokio::test]
async fn both_binaries_end_in_time_while_their_servers_are_silent() {
    let app = TestApp::spawn().await;
    let (proxies, urls) = behind_proxies(&app).await;
    let urls = urls.each_ref().map(|(name, url)| (*name, url.as_str()));
    let patient = [
        ("DB_ACQUIRE_TIMEOUT_MS", "60000"),
        ("HTTP_REQUEST_TIMEOUT_MS", "60000"),
        ("HTTP_DRAIN_TIMEOUT_MS", "2000"),
        ("WORKER_DRAIN_TIMEOUT_MS", "2000"),
    ];
    let overrides: Vec<_> = urls.into_iter().chain(patient).collect();
    let mut stage = Stage::set(app, &overrides).await;
    for proxy in &proxies {
        proxy.set(Weather::BlackHole);
    }
    // A request hangs in the database, and the worker's loop with it.
    let hanging = tokio::time::timeout(Duration::from_millis(500), stage.read());
    assert!(hanging.await.is_err());
    let asked_at = Instant::now();
    for binary in [&stage.api, &stage.worker] {
        binary.ask_to_stop();
    }
    for binary in [&mut stage.api, &mut stage.worker] {
        assert_eq!(binary.ended().await.code(), Some(0), "{}", binary.log());
    }
    assert!(
        asked_at.elapsed() < Duration::from_secs(8),
        "{:?}",
        asked_at.elapsed()
    );
    stage.app.finish().await;
}
