//! Signs of life in Redis (P-094, Q-18).

use std::time::Duration;

use agent_kv::keys;
use agent_testkit::TestApp;
use agent_worker::{
    jobs::{Heartbeat, LoopSign},
    supervisor::Job as _,
};
use serde_json::{Value, json};

async fn stored(app: &mut TestApp, instance: &str) -> (Value, i64) {
    let key = keys::heartbeat(instance);
    let text: Option<String> = redis::cmd("GET")
        .arg(&key)
        .query_async(&mut app.redis)
        .await
        .unwrap();
    let ttl = redis::cmd("PTTL")
        .arg(&key)
        .query_async(&mut app.redis)
        .await
        .unwrap();
    (
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()),
        ttl,
    )
}

fn heartbeat(app: &TestApp, sign: &LoopSign) -> Heartbeat {
    Heartbeat {
        core: app.app.core.clone(),
        sign: sign.clone(),
        instance: "w-1".to_owned(),
        started_at: app.clock.now(),
        publishing: true,
        interval: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn p094_q18_a_heartbeat_says_when_the_loop_came_round_and_how_it_does() {
    let mut app = TestApp::spawn().await;
    let sign = LoopSign::new(app.clock.clone(), Duration::from_secs(30));
    let mut job = heartbeat(&app, &sign);
    sign.came_round(9);
    let last = sign.last();
    tokio::time::sleep(Duration::from_millis(20)).await;
    job.step().await.unwrap();
    let (body, ttl) = stored(&mut app, "w-1").await;
    let expected = json!({
        "instance": "w-1",
        // Not when it was written.
        "at": last,
        "started_at": job.started_at,
        "outbox_poller": true,
        "leases_held": 9,
        "published": 0,
    });
    assert_eq!(body, expected);
    assert!((25_000..=30_000).contains(&ttl), "{ttl}");
    app.finish().await;
}

#[tokio::test]
async fn p094_the_heartbeat_stops_with_the_loop_and_not_only_with_the_process() {
    let mut app = TestApp::spawn().await;
    let sign = LoopSign::new(app.clock.clone(), Duration::from_millis(150));
    let mut job = heartbeat(&app, &sign);
    job.step().await.unwrap();
    assert_ne!(stored(&mut app, "w-1").await.0, Value::Null);
    // The loop hangs: the sign is not renewed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..3 {
        job.step().await.unwrap_err();
    }
    assert_eq!(stored(&mut app, "w-1").await, (Value::Null, -2));
    sign.came_round(1);
    job.step().await.unwrap();
    assert_ne!(stored(&mut app, "w-1").await.0, Value::Null);
    app.finish().await;
}
